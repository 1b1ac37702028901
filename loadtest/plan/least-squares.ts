/** Least squares with coefficients of at least 0: the best of all subsets, which are few. */
export function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const width = rows[0]?.length ?? 0;
  let best: { error: number; coefficients: number[] } | null = null;
  for (let subset = 1; subset < 2 ** width; subset += 1) {
    const used = Array.from({ length: width }, (_, column) => column).filter(
      (column) => subset & (1 << column),
    );
    const solved = solve(rows, values, used);
    if (solved === null || solved.some((value) => value < 0)) continue;
    const coefficients = Array.from({ length: width }, () => 0);
    used.forEach((column, index) => {
      coefficients[column] = solved[index] ?? 0;
    });
    const error = rows.reduce((sum, row, index) => {
      const guess = row.reduce((all, cell, column) => all + cell * (coefficients[column] ?? 0), 0);
      return sum + (guess - (values[index] ?? 0)) ** 2;
    }, 0);
    if (best === null || error < best.error) best = { error, coefficients };
  }
  return best?.coefficients ?? Array.from({ length: width }, () => 0);
}

/** The normal equations over some columns, by elimination with pivots; null where they have no one solution. */
function solve(
  rows: readonly (readonly number[])[],
  values: readonly number[],
  used: readonly number[],
): number[] | null {
  // Columns of very different size would lose digits.
  const scale = used.map((column) => Math.max(1e-12, ...rows.map((row) => Math.abs(row[column] ?? 0))));
  const matrix = used.map((a, i) => [
    ...used.map((b, j) =>
      rows.reduce(
        (sum, row) => sum + ((row[a] ?? 0) / (scale[i] ?? 1)) * ((row[b] ?? 0) / (scale[j] ?? 1)),
        0,
      ),
    ),
    rows.reduce((sum, row, index) => sum + ((row[a] ?? 0) / (scale[i] ?? 1)) * (values[index] ?? 0), 0),
  ]);
  const size = used.length;
  for (let column = 0; column < size; column += 1) {
    const at = (row: number, cell: number): number => matrix[row]?.[cell] ?? 0;
    let pivot = column;
    for (let row = column; row < size; row += 1)
      if (Math.abs(at(row, column)) > Math.abs(at(pivot, column))) pivot = row;
    if (Math.abs(at(pivot, column)) < 1e-9) return null;
    const [upper, lower] = [matrix[column] ?? [], matrix[pivot] ?? []];
    matrix[column] = lower;
    matrix[pivot] = upper;
    for (let row = 0; row < size; row += 1) {
      if (row === column) continue;
      const factor = at(row, column) / at(column, column);
      matrix[row] = (matrix[row] ?? []).map((cell, index) => cell - factor * at(column, index));
    }
  }
  return used.map((_, row) => (matrix[row]?.[size] ?? 0) / (matrix[row]?.[row] ?? 1) / (scale[row] ?? 1));
}

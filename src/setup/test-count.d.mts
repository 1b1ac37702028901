export function countTests(
  text: string,
  vitestOk: boolean,
): { passed: number; failed: number; problems: string[] };

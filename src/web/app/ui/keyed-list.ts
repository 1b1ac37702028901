/** A row of a list that is shown in place. */
export interface Row<T> {
  readonly element: HTMLElement;
  update(item: T): void;
}

/**
 * Shows items as rows, each kept for as long as its item is there: whoever is at a row with the keyboard, or about to
 * press it, stays there whatever becomes of others.
 */
export class KeyedList<T> {
  readonly #parent: HTMLElement;
  readonly #make: (item: T, key: string) => Row<T>;
  readonly #onFocusLost: () => void;
  readonly #rows = new Map<string, Row<T>>();

  /**
   * @param onFocusLost takes the focus when the row that had it goes; not a neighbour's button, which the same key,
   * pressed once more, would press
   */
  constructor(parent: HTMLElement, make: (item: T, key: string) => Row<T>, onFocusLost: () => void) {
    this.#parent = parent;
    this.#make = make;
    this.#onFocusLost = onFocusLost;
  }

  /** Items of before keep their order among each other. */
  update(items: ReadonlyMap<string, T>): void {
    for (const [key, row] of this.#rows) if (!items.has(key)) this.#remove(key, row);
    let next = this.#parent.firstElementChild;
    for (const [key, item] of items) {
      let row = this.#rows.get(key);
      if (row === undefined) {
        row = this.#make(item, key);
        this.#rows.set(key, row);
      }
      row.update(item);
      // What is moved loses the focus, so only what is elsewhere is.
      if (row.element === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(row.element, next);
    }
  }

  #remove(key: string, { element }: Row<T>): void {
    this.#rows.delete(key);
    const focused = element.contains(document.activeElement);
    element.remove();
    if (focused) this.#onFocusLost();
  }
}

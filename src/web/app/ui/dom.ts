/** What may be put inside an element: text is always text, never markup. */
export type Child = Node | string | false | null | undefined;

type Listeners = { [E in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[E]) => void };

export interface Props {
  class?: string;
  /** `data-testid`: a stable name for tests and for people's scripts. */
  testid?: string;
  on?: Listeners;
  /** Attributes; `true` is an empty attribute, `false` and undefined leave it out. */
  attrs?: Record<string, string | number | boolean | undefined>;
}

/** Creates an element. Children are nodes or text; there is no way to pass markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (props.class !== undefined) element.className = props.class;
  if (props.testid !== undefined) element.dataset.testid = props.testid;
  for (const [name, value] of Object.entries(props.attrs ?? {})) setAttribute(element, name, value);
  for (const [name, listener] of Object.entries(props.on ?? {})) {
    element.addEventListener(name, (event) => Reflect.apply(listener, undefined, [event]));
  }
  append(element, children);
  return element;
}

export function setAttribute(
  element: Element,
  name: string,
  value: string | number | boolean | undefined,
): void {
  if (value === undefined || value === false) element.removeAttribute(name);
  else {
    const text = value === true ? '' : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Replaces what is inside; what is there already and stays is not taken out in between. */
export function replaceChildren(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter(isContent));
}

/** Sets text only when it differs, so that screen readers are not told the same thing twice. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function append(element: Element, children: readonly Child[]): void {
  element.append(...children.filter(isContent));
}

function isContent(child: Child): child is Node | string {
  return child !== false && child !== null && child !== undefined && child !== '';
}

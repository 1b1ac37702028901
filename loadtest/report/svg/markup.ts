/** Markup that is safe to put into a page as it is. */
export interface Markup {
  readonly text: string;
}

type Part = Markup | string | number | null | readonly Markup[];

/** A piece of HTML or SVG; whatever is not markup already is escaped. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return { text: strings.reduce((all, text, index) => all + textOf(parts[index - 1]) + text) };
}

export function join(parts: readonly Markup[]): Markup {
  return { text: parts.map(({ text }) => text).join('') };
}

export const nothing: Markup = { text: '' };

function textOf(part: Part | undefined): string {
  if (part === null || part === undefined) return '';
  if (typeof part === 'string') return escaped(part);
  if (typeof part === 'number') return String(Math.round(part * 100) / 100);
  return 'text' in part ? part.text : join(part).text;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

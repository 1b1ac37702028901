import { el } from './dom.ts';

const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/g;

/** Text with its web addresses as links, as nodes: nothing in it is ever read as markup. */
export function textWithLinks(text: string): (Node | string)[] {
  return splitLinks(text).map((part) =>
    part.link
      ? el(
          'a',
          { attrs: { href: part.text, target: '_blank', rel: 'noopener noreferrer nofollow' } },
          part.text,
        )
      : part.text,
  );
}

/** The text in pieces, in order; only `http:` and `https:` are links. */
export function splitLinks(text: string): { text: string; link: boolean }[] {
  const parts: { text: string; link: boolean }[] = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    if (match.index > from) parts.push({ text: text.slice(from, match.index), link: false });
    parts.push({ text: match[0], link: URL.canParse(match[0]) });
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), link: false });
  return parts;
}

import { el } from './dom.ts';

const HUES = 12;

/** First letters of the first and last word, at most two. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = words[0] === undefined ? '' : [...words[0]][0];
  const last = words.length > 1 ? [...(words.at(-1) ?? '')][0] : '';
  return `${first ?? ''}${last ?? ''}`.toLocaleUpperCase() || '?';
}

/** A number below HUES that is always the same for the same peer. */
export function hueOf(id: string): number {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return hash % HUES;
}

/** A coloured disc with initials, for who shows no camera. */
export function avatar(name: string, id: string): HTMLElement {
  return el('div', { class: `avatar hue-${hueOf(id)}`, attrs: { 'aria-hidden': true } }, initialsOf(name));
}

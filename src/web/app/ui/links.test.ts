import { describe, expect, it } from 'vitest';
import { splitLinks } from './links.ts';

const links = (text: string) =>
  splitLinks(text)
    .filter((part) => part.link)
    .map((part) => part.text);

describe('splitLinks', () => {
  it.each([
    ['see https://example.net/a?b=c#d.', ['https://example.net/a?b=c#d']],
    ['(http://example.net)', ['http://example.net']],
    ['https://a.example, https://b.example', ['https://a.example', 'https://b.example']],
    ['javascript:alert(1) data:text/html,x ftp://x', []],
    ['<a href="https://evil.example">x</a>', ['https://evil.example']],
    ['nothing', []],
  ])('%j', (text, expected) => {
    expect(links(text)).toEqual(expected);
    expect(
      splitLinks(text)
        .map((part) => part.text)
        .join(''),
    ).toBe(text);
  });
});

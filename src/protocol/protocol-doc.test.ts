import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { CLOSE, ERRORS, isErrorCode } from './errors.ts';
import { EVENTS, isEventName, refusalSchema } from './events.ts';
import { MAX_MESSAGE_BYTES, REQUEST_SECONDS, requestFrameSchema, serverFrameSchema } from './frames.ts';
import { CHAT_MAX_LENGTH, isMethodName, METHODS } from './methods.ts';
import { type Field, fieldsOf, SHARED, sharedNameOf } from './testing/schema-fields.ts';

const DOCUMENT = readFileSync(new URL('./PROTOCOL.md', import.meta.url), 'utf8');

/** Codes with which the WebSocket layer closes by itself, without a word of the session. */
const WEBSOCKET_CLOSE = [1002, 1007, 1008, 1009];

/** The text under a heading, up to the next one of its level or above. */
function under(heading: string, text = DOCUMENT): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 1;
  const lines = text.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`PROTOCOL.md has no "${heading}"`);
  const end = lines.findIndex(
    (line, index) => index > start && /^#+ /.test(line) && line.search(/[^#]/) <= level,
  );
  return lines.slice(start + 1, end < 0 ? undefined : end).join('\n');
}

/** Names of the third-level headings of a chapter, without their backticks. */
function headings(chapter: string): string[] {
  return [...under(chapter).matchAll(/^### (.*)$/gm)].map(([, name = '']) => name.replaceAll('`', '')).sort();
}

/** Rows of the tables in a text, as trimmed cells, without header and ruler. */
function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[-| ]+\|$/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
    .filter(([first]) => first !== 'field');
}

const plain = (cell = ''): string => cell.replaceAll('`', '');

/** What a part of the document says of a message's fields, in the terms of `fieldsOf`. */
function described(text: string): Field[] {
  return rows(text).map(([path, type = '']) => ({
    path: plain(path),
    shared: /^\[(\w+)\]\(#\w+\)/.exec(type)?.[1] ?? null,
  }));
}

function sorted(fields: Field[]): string[] {
  return fields.map(({ path, shared }) => (shared === null ? path : `${path} is ${shared}`)).sort();
}

/** Compares a part of the document with a schema: the same fields, no more and no fewer. */
function expectSame(text: string, schema: z.ZodType): void {
  const shared = sharedNameOf(schema);
  if (shared !== null) {
    expect(text).toContain(`[${shared}](#${shared.toLowerCase()})`);
    expect(rows(text)).toEqual([]);
    return;
  }
  expect(sorted(described(text))).toEqual(sorted(fieldsOf(schema)));
}

function part(section: string, name: 'Request' | 'Response'): string {
  const [, request, response] = /\*\*Request\*\*([\s\S]*)\*\*Response\*\*([\s\S]*)/.exec(section) ?? [];
  const text = name === 'Request' ? request : response;
  if (text === undefined) throw new Error(`no ${name}`);
  return text;
}

describe('PROTOCOL.md', () => {
  test('lists exactly the methods, events and shapes that there are', () => {
    expect(headings('## Methods')).toEqual(Object.keys(METHODS).sort());
    expect(headings('## Events')).toEqual(Object.keys(EVENTS).sort());
    expect(headings('## Shapes')).toEqual(Object.keys(SHARED).sort());
  });

  test.each(Object.entries(METHODS))('describes every field of %s', (name, { request, response }) => {
    const section = under(`### \`${name}\``, under('## Methods'));
    expectSame(part(section, 'Request'), request);
    expectSame(part(section, 'Response'), response);
  });

  test.each(Object.entries(EVENTS))('describes every field of the event %s', (name, schema) => {
    expectSame(under(`### \`${name}\``, under('## Events')), schema);
  });

  test.each(Object.entries(SHARED))('describes every field of %s', (name, schema) => {
    const text = under(`### ${name}`, under('## Shapes'));
    expect(sorted(described(text))).toEqual(sorted(fieldsOf(schema)));
  });

  test('lists every error with its status, its retry and its message', () => {
    const listed = rows(under('## Errors'))
      .slice(1)
      .map(([code, status, retry, message]) => [plain(code), Number(status), retry === 'yes', message]);
    const catalogue = Object.entries(ERRORS).map(([code, { status, retry, message }]) => [
      code,
      status,
      retry,
      message,
    ]);
    expect(listed).toEqual(catalogue);
  });

  test('names no error that there is not', () => {
    const failing = [...under('## Methods').matchAll(/[Ff]ails? with([^.]*)\./g)].flatMap(([, codes = '']) =>
      [...codes.matchAll(/`(\w+)`/g)].map(([, code = '']) => code),
    );
    expect(failing.length).toBeGreaterThan(20);
    expect(failing.filter((code) => !Object.hasOwn(ERRORS, code))).toEqual([]);
  });

  test('lists every close code', () => {
    const listed = rows(under('## Close codes'))
      .slice(1)
      .map(([code, name]) => [plain(name), Number(code)]);
    const standard = WEBSOCKET_CLOSE.map((code) => ['RFC 6455', code]);
    expect(listed).toEqual([...Object.entries(CLOSE), ...standard]);
  });

  test('states the limits that the schemas state', () => {
    const limits = new Map(rows(under('## 8. Limits')).map(([name, value]) => [name, value]));
    expect(limits.get('bytes of one frame, both ways')).toBe(String(MAX_MESSAGE_BYTES));
    expect(limits.get('response to a request')).toBe(`${REQUEST_SECONDS} s`);
    expect(limits.get('UTF-16 code units of a chat text')).toBe(String(CHAT_MAX_LENGTH));
  });

  test('links only to headings that there are', () => {
    const anchors = [...DOCUMENT.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
    const links = [...DOCUMENT.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor = '']) => anchor);
    expect(links.filter((link) => !anchors.includes(link))).toEqual([]);
  });
});

describe('the example conversation', () => {
  const lines = under('## An example conversation').split('\n');
  const json = (mark: string): unknown[] =>
    lines.filter((line) => line.startsWith(`${mark} {`)).map((line) => JSON.parse(line.slice(2)));
  const requests = json('>').map((frame) => requestFrameSchema.parse(frame));

  test('holds only requests that the schemas take', () => {
    expect(requests.length).toBeGreaterThan(5);
    for (const { method, data } of requests) {
      if (!isMethodName(method)) throw new Error(`no method ${method}`);
      expect(METHODS[method].request.safeParse(data)).toMatchObject({ success: true });
    }
  });

  test('holds only responses and notifications that the schemas take', () => {
    const frames = json('<').map((frame) => serverFrameSchema.parse(frame));
    expect(frames.length).toBeGreaterThan(8);
    for (const frame of frames) {
      if (frame.type === 'response') {
        const answered = requests.filter(({ id }) => id === frame.id).map(({ method }) => method);
        const fits = answered.some(
          (method) =>
            frame.ok && isMethodName(method) && METHODS[method].response.safeParse(frame.data).success,
        );
        expect(fits).toBe(true);
      } else {
        if (!isEventName(frame.event)) throw new Error(`no event ${frame.event}`);
        expect(EVENTS[frame.event].safeParse(frame.data)).toMatchObject({ success: true });
      }
    }
  });

  test('holds a refusal before 101 as the schema and the catalogue have it', () => {
    const bodies = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    expect(bodies.length).toBeGreaterThan(0);
    for (const body of bodies) {
      const { code, status, retry } = refusalSchema.parse(body);
      if (!isErrorCode(code)) throw new Error(`no error ${code}`);
      expect({ status, retry }).toEqual({ status: ERRORS[code].status, retry: ERRORS[code].retry });
    }
  });
});

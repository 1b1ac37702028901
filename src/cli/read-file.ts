import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';

/** The bytes of a file, a pipe or a device; null where there are more than that, so that no file is endless. */
export function readAtMost(file: string, most: number): Uint8Array | null {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (const chunk of chunksOf(file)) {
    chunks.push(chunk);
    total += chunk.length;
    if (total > most) return null;
  }
  return Buffer.concat(chunks);
}

/** The lines of a file of any size, read as they are asked for. Of one much longer than `most` the start is given. */
export function* linesOf(file: string, most: number): Generator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for (const chunk of chunksOf(file)) {
    const [first = '', ...others] = decoder.write(chunk).split('\n');
    if (rest.length < most) rest += first;
    for (const line of others) {
      yield rest;
      rest = line;
    }
  }
  yield rest + decoder.end();
}

function* chunksOf(file: string): Generator<Uint8Array> {
  const descriptor = openSync(file, 'r');
  try {
    for (;;) {
      const chunk = Buffer.alloc(64 * 1024);
      const read = readSync(descriptor, chunk);
      if (read === 0) return;
      yield chunk.subarray(0, read);
    }
  } finally {
    closeSync(descriptor);
  }
}

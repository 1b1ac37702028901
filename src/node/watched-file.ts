import { readFile, stat } from 'node:fs/promises';

/** How often a file is looked at, in ms. */
const POLL_MS = 2000;

/**
 * A file that an operator replaces while the node runs. It is looked at, not watched: links that are swapped (as
 * orchestrators do with mounted files) and file systems without notifications count too.
 */
export class WatchedFile {
  readonly path: string;
  readonly #maxBytes: number;
  #timer: NodeJS.Timeout | null = null;
  #seen = '';

  constructor(path: string, maxBytes: number) {
    this.path = path;
    this.#maxBytes = maxBytes;
  }

  /** The bytes as they are now; null where there is no file. Rejects where it cannot be read or is too large. */
  async read(): Promise<Uint8Array | null> {
    // Before the reading: what is written meanwhile is read at the next look.
    this.#seen = await this.#stamp();
    if (this.#seen === '') return null;
    const { size } = await stat(this.path);
    if (size > this.#maxBytes) throw new Error(`larger than ${this.#maxBytes} bytes`);
    return await readFile(this.path);
  }

  /** Calls back when the file differs from what was last read. `everyMs` of 0: never. */
  watch(onChange: () => Promise<unknown>, everyMs = POLL_MS): void {
    if (everyMs === 0) return;
    this.#timer = setInterval(async () => {
      if ((await this.#stamp()) !== this.#seen) await onChange();
    }, everyMs);
    this.#timer.unref();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Changes when the file does; empty where there is none. */
  async #stamp(): Promise<string> {
    try {
      const { mtimeMs, size, ino } = await stat(this.path);
      return `${mtimeMs} ${size} ${ino}`;
    } catch {
      return '';
    }
  }
}

import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const recordSchema = z.strictObject({
  version: z.int().min(1),
  digest: z.string(),
  /** The highest version that was shown validly signed and did not run here. */
  shown: z.int().min(1).nullable().default(null),
});
const shownSchema = z.strictObject({ shown: z.int().min(1) });

/** The highest version that this node ever ran. */
export interface Highest {
  readonly version: number;
  readonly digest: string;
}

/** What a node remembers of its policy, in a directory that this node alone writes: none of it is secret. */
export class PolicyState {
  readonly #directory: string;
  #highest: Highest | null = null;
  #shown: number | null = null;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Opens, or makes, the directory. Rejects where it cannot be used, and where the record of what ran is there but
   * cannot be understood: it may not be forgotten.
   */
  static async open(directory: string): Promise<PolicyState> {
    const state = new PolicyState(directory);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const record = await readRecord(state.#path('highest.json'));
    if (record !== null) {
      state.#shown = record.shown;
      if ('version' in record) state.#highest = { version: record.version, digest: record.digest };
    }
    return state;
  }

  /** Null before the first policy. */
  get highest(): Highest | null {
    return this.#highest;
  }

  /** The version of a validly signed bundle that this node was shown and does not run; null where there is none. */
  get shown(): number | null {
    return this.#shown;
  }

  /** The last good bundle; null where there is none. */
  bundle(): Promise<Uint8Array | null> {
    return readIfThere(this.#path('policy.bundle'));
  }

  /** Keeps a bundle that is about to run. The bundle goes first: what has no record is judged again anyway. */
  async keep(bundle: Uint8Array, highest: Highest): Promise<void> {
    await this.#write('policy.bundle', bundle);
    this.#highest = highest;
    if (this.#shown !== null && this.#shown <= highest.version) this.#shown = null;
    await this.#record();
  }

  /** Remembers that a higher version than the one that runs is signed: over a restart, too. */
  async show(version: number): Promise<void> {
    if (version <= Math.max(this.#shown ?? 0, this.#highest?.version ?? 0)) return;
    this.#shown = version;
    await this.#record();
  }

  #record(): Promise<void> {
    const text = JSON.stringify({ ...this.#highest, shown: this.#shown });
    return this.#write('highest.json', new TextEncoder().encode(text));
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  /** Whole or not at all, and on the disk before the name is. */
  async #write(name: string, bytes: Uint8Array): Promise<void> {
    const temporary = this.#path(`${name}.new`);
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, this.#path(name));
  }
}

async function readRecord(path: string) {
  const bytes = await readIfThere(path);
  if (bytes === null) return null;
  try {
    return z.union([recordSchema, shownSchema]).parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new Error(
      `${path} does not say which policy ran last: restore it, or remove it by a decision of two signers`,
      { cause },
    );
  }
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

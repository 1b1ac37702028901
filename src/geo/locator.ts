import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { Reader, type Response } from 'maxmind';
import { z } from 'zod';
import type { AddressEvidence } from '../policy/label.ts';
import { behindTunnel, classifyAddress, networks, normalizeAddress } from './address.ts';

/**
 * What an address says of a session. `refused`: nothing may be concluded from it, and the session must be
 * refused (`address_unknown`); everything else is evidence for the policy to weigh.
 */
export type Evidence =
  | AddressEvidence
  | { readonly kind: 'refused'; readonly reason: 'private' | 'unusable' | 'database' };

export interface LocatorOptions {
  /** Path of an mmdb; null where none is configured: then public addresses give no evidence. */
  readonly database: string | null;
  /** In development, private and loopback addresses give no evidence; otherwise they are refused. */
  readonly development: boolean;
  /**
   * In development: loopback addresses that the database knows are judged by it, so that one machine can play
   * clients of several countries. False by default.
   */
  readonly loopback?: boolean;
  /** Networks whose private addresses give no evidence outside development either. */
  readonly private: readonly string[];
  /** How often the file is looked at for a change, in ms; 5000 by default, 0 for never. */
  readonly reloadMs?: number;
  /** Told of each load, and of each new problem. */
  readonly onChange?: (status: DatabaseStatus) => void;
}

export interface DatabaseStatus {
  /** A database is configured. */
  readonly configured: boolean;
  /** Hex SHA-256 of the file in use; null while there is none. */
  readonly sha256: string | null;
  /** When the database in use was built, in ms since the epoch; null while there is none. */
  readonly builtAt: number | null;
  /** Why the file as it is now is not in use: the node is not ready while this is set. */
  readonly problem: string | null;
}

export interface Locator {
  /** Judges an address. Total: never throws, and refuses what it cannot judge. */
  locate(address: string): Evidence;
  status(): DatabaseStatus;
  /** Looks at the file now, and loads it if it changed. Never rejects: `problem` says what is wrong. */
  reload(): Promise<DatabaseStatus>;
  close(): void;
}

/**
 * Opens the database, if one is configured, and follows changes of its file. A file that is missing or broken
 * is no failure of this function: `status().problem` says so, and without any good database every public
 * address is refused. After a bad replacement the last good one keeps judging.
 */
export async function createLocator(options: LocatorOptions): Promise<Locator> {
  const listed = networks(options.private);
  const source = options.database === null ? null : new DatabaseFile(options.database, options.onChange);
  await source?.reload();
  const { reloadMs = 5000 } = options;
  const timer = source && reloadMs > 0 ? setInterval(() => void source.reload(), reloadMs) : undefined;
  timer?.unref();

  return {
    locate(text) {
      const normalized = normalizeAddress(text);
      if (normalized === null) return { kind: 'refused', reason: 'unusable' };
      const address = behindTunnel(normalized);
      const kind = classifyAddress(address);
      if (kind === 'unusable') return { kind: 'refused', reason: 'unusable' };
      if (kind === 'loopback' && options.development && options.loopback === true && source !== null) {
        const evidence = source.locate(address);
        const unknown = evidence.kind === 'country' && evidence.country === null;
        return unknown ? { kind: 'none' } : evidence;
      }
      if (kind !== 'public') {
        if (options.development || listed.has(address)) return { kind: 'none' };
        return { kind: 'refused', reason: 'private' };
      }
      return source === null ? { kind: 'none' } : source.locate(address);
    },
    status: () => source?.status ?? NOT_CONFIGURED,
    reload: async () => (await source?.reload()) ?? NOT_CONFIGURED,
    close: () => clearInterval(timer),
  };
}

const NOT_CONFIGURED: DatabaseStatus = { configured: false, sha256: null, builtAt: null, problem: null };

/** The forms of record that country databases have: GeoLite2 and DB-IP, and two flat ones. */
const countrySchema = z.union([
  z.object({ country: z.object({ iso_code: z.string() }) }).transform((r) => r.country.iso_code),
  z.object({ country_code: z.string() }).transform((r) => r.country_code),
  z.object({ country: z.string() }).transform((r) => r.country),
]);

/** Records that say nothing of a country: where the database knows only a continent, or a registration. */
const noCountrySchema = z.object({
  country: z.undefined().optional(),
  country_code: z.undefined().optional(),
});

class DatabaseFile {
  readonly #path: string;
  readonly #onChange: LocatorOptions['onChange'];
  #reader: Reader<Response> | null = null;
  /** Identity of the file as last looked at, good or bad. */
  #seen = '';
  #loading: Promise<DatabaseStatus> | null = null;
  status: DatabaseStatus = { configured: true, sha256: null, builtAt: null, problem: 'not loaded yet' };

  constructor(path: string, onChange: LocatorOptions['onChange']) {
    this.#path = path;
    this.#onChange = onChange;
  }

  /** One load at a time: a second question is answered by the load under way. */
  reload(): Promise<DatabaseStatus> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  locate(address: string): Evidence {
    if (this.#reader === null) return { kind: 'refused', reason: 'database' };
    try {
      const record: unknown = this.#reader.get(address);
      if (record === null || noCountrySchema.safeParse(record).success) {
        return { kind: 'country', country: null };
      }
      const country = countrySchema.parse(record).toUpperCase();
      return /^[A-Z]{2}$/.test(country) ? { kind: 'country', country } : REFUSED;
    } catch {
      return REFUSED;
    }
  }

  async #load(): Promise<DatabaseStatus> {
    try {
      const { ino, size, mtimeMs } = await stat(this.#path);
      const identity = `${ino} ${size} ${mtimeMs}`;
      if (identity === this.#seen) return this.status;
      const bytes = await readFile(this.#path);
      const reader = openDatabase(bytes);
      this.#reader = reader;
      this.#seen = identity;
      this.#become({
        configured: true,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        builtAt: reader.metadata.buildEpoch.getTime(),
        problem: null,
      });
    } catch (error) {
      // Looked at again next time: a file may be half written at the moment.
      this.#seen = '';
      const problem = error instanceof Error ? error.message : String(error);
      this.#become({ ...this.status, problem });
    }
    return this.status;
  }

  #become(status: DatabaseStatus): void {
    const same = status.sha256 === this.status.sha256 && status.problem === this.status.problem;
    this.status = status;
    if (!same) this.#onChange?.(status);
  }
}

const REFUSED: Evidence = { kind: 'refused', reason: 'database' };

/** Throws when the bytes are not an mmdb of addresses. */
function openDatabase(bytes: Buffer): Reader<Response> {
  // Records of a country database are few: the cache keeps each decoded once.
  const cache = new Map<number | string, unknown>();
  const reader = new Reader<Response>(bytes, {
    cache: {
      get: (key) => cache.get(key),
      set: (key, value) => cache.size < 10_000 && cache.set(key, value),
    },
  });
  const { ipVersion, searchTreeSize, databaseType } = reader.metadata;
  if ((ipVersion !== 4 && ipVersion !== 6) || searchTreeSize >= bytes.length) {
    throw new Error(`not a usable mmdb (type ${databaseType})`);
  }
  // A broken tree or data section shows here rather than at somebody's join.
  reader.get('1.1.1.1');
  return reader;
}

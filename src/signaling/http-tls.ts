import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** Paths of PEM files: the certificate with its chain, and its key. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface TlsLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** TLS of the client listener. Older versions than 1.2 are not spoken. */
export type TlsContext = SecureContextOptions & { cert: Buffer; key: Buffer; minVersion: 'TLSv1.2' };

/**
 * Certificate files with hot reload: a changed pair is used for new connections, old ones go on. A pair that
 * does not fit (half-written, or key and certificate of two generations) is left alone and looked at again.
 */
export class TlsReloader {
  readonly #files: TlsFiles;
  readonly #apply: (context: TlsContext) => void;
  readonly #logger: TlsLogger;
  #digest = '';
  #failed = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(files: TlsFiles, apply: (context: TlsContext) => void, logger: TlsLogger) {
    this.#files = files;
    this.#apply = apply;
    this.#logger = logger;
  }

  /** The pair as it is now. Throws when it cannot be used: a node without its certificate does not start. */
  async load(): Promise<TlsContext> {
    const { context, digest } = await this.#read();
    createSecureContext(context);
    this.#digest = digest;
    return context;
  }

  /** Looks at the files every `intervalMs` (by content: links swapped under us count too). */
  watch(intervalMs: number): void {
    this.#timer = setInterval(() => void this.reload(), intervalMs);
    this.#timer.unref();
  }

  /** Uses the files' pair if it changed and fits. Never rejects. */
  async reload(): Promise<void> {
    try {
      const { context, digest } = await this.#read();
      if (digest === this.#digest) return;
      createSecureContext(context);
      this.#apply(context);
      this.#digest = digest;
      this.#failed = '';
      this.#logger.info({}, 'client certificate reloaded');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.#failed) {
        this.#logger.error({ cause: message }, 'client certificate cannot be used; the last one stays');
      }
      this.#failed = message;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #read(): Promise<{ context: TlsContext; digest: string }> {
    const [cert, key] = await Promise.all([readFile(this.#files.cert), readFile(this.#files.key)]);
    const digest = createHash('sha256').update(cert).update(key).digest('hex');
    return { context: { cert, key, minVersion: 'TLSv1.2' }, digest };
  }
}

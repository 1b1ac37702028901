import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';
import { logOutput } from './log-output.ts';
import { REDACTED, redactFields, redactLine } from './redact.ts';

const CHILD_FIELDS = ['token', 'authorization', 'address', 'ip', 'remoteAddress', 'displayName', 'name'];

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** Lines for people; `auto`: where the log goes to a terminal. */
  readonly pretty: boolean | 'auto';
  /** Fields of every record, such as the node and its datacenter. */
  readonly base?: Readonly<Record<string, string>>;
  /** Standard error by default (`logOutput`): standard output is for what a command answers. */
  readonly stream?: DestinationStream;
}

/**
 * The process's logger. Records are data in fields with a constant message; tokens, key material, transport
 * parameters, addresses and names are redacted by their keys at any depth, and tokens wherever they stand. Of errors
 * it tells what they say, their codes and stacks: other fields are whatever a library hangs on them.
 */
export async function createLogger(options: LogOptions): Promise<Logger> {
  const stream = options.stream ?? logOutput();
  const pretty = options.pretty === 'auto' ? process.stderr.isTTY === true : options.pretty;
  return pino(loggerOptions(options), pretty ? await prettyStream(stream) : stream);
}

function loggerOptions({ level, base = {} }: LogOptions): LoggerOptions {
  return {
    level,
    base: { ...base },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: {
      level: (label) => ({ level: label }),
      log: redactFields,
    },
    // A child logger's own fields do not pass the formatter.
    redact: { paths: CHILD_FIELDS, censor: REDACTED },
    serializers: { err: serializeError, error: serializeError },
    hooks: { streamWrite: redactLine },
  };
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = stdSerializers.err(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  // Where every address of a name was tried in vain.
  const all = error instanceof AggregateError ? error.errors.map(String) : undefined;
  return { type, message, stack, code, all };
}

async function prettyStream(to: DestinationStream): Promise<DestinationStream> {
  // Loaded only where people read: it costs a start some 50 ms.
  const { prettyFactory } = await import('pino-pretty');
  const format = prettyFactory({
    colorize: process.stderr.isTTY === true,
    ignore: 'pid,hostname',
    translateTime: 'HH:MM:ss.l',
    singleLine: true,
  });
  return { write: (line) => void to.write(format(line) ?? '') };
}

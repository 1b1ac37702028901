import { Counter, type Registry as MetricsRegistry } from 'prom-client';
import type { ErrorCode } from '../protocol/errors.ts';
import { shortId } from '../protocol/short-id.ts';

/** Where a decision is taken: at the door (HTTP, session), or before an act of media. */
export type DecisionStep =
  | 'directory'
  | 'upgrade'
  | 'join'
  | 'resume'
  | 'refresh'
  /** A stay, after the policy was switched. */
  | 'switch'
  | 'transport'
  | 'produce'
  | 'consume'
  | 'pipe'
  | 'address'
  /** Who may be together in a room, and where: over all of its nodes. */
  | 'room';

/** `list` is the directory's answer: nobody was admitted, somebody was told where to go. */
export type DecisionKind = 'admit' | 'redirect' | 'refuse' | 'list';

/**
 * One decision as it is recorded. It holds no address, token, name or key, and no id in full: who reads logs
 * learns which rule decided for which region, not who met whom.
 */
export interface Decision {
  readonly step: DecisionStep;
  readonly kind: DecisionKind;
  /** `admitted`, `listed`, or a code of the error catalogue. */
  readonly code: string;
  /** The policy rule that decided; empty where none did. */
  readonly rule: string;
  /** Digest of the policy; empty where the node has none. */
  readonly policy: string;
  /** Home region of the label; null where the session got no label. */
  readonly home: string | null;
  /** Every region that the session gave evidence of. */
  readonly evidence: readonly string[];
  /** The regions that narrowing left; null for all. */
  readonly regions: readonly string[] | null;
  /** The deciding node's datacenter. */
  readonly here: string;
  /** Datacenters that the session was told of, in order. */
  readonly listed: readonly string[];
  /** Ids in full; the recorder truncates them. Null where no verified token named any. */
  readonly room: string | null;
  readonly jti: string | null;
  /** Of step `pipe`: where the media would go or come from. */
  readonly pipe?: PipeDecision;
}

export interface PipeDecision {
  readonly direction: 'out' | 'in';
  /** The datacenter of the other end, as that node's certificate says. */
  readonly datacenter: string;
  /** Of a lease: the other node, the digest of the policy that it says it runs, and the lease's nonce. */
  readonly node?: string;
  readonly farPolicy?: string;
  readonly nonce?: string;
}

const TOKEN_REFUSALS: readonly ErrorCode[] = ['token_missing', 'token_invalid', 'token_expired'];

export interface DecisionRecorder {
  record(decision: Decision): void;
}

/** The part of a pino logger that decisions need. */
export interface DecisionLogger {
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  isLevelEnabled(level: 'debug'): boolean;
}

export interface DecisionRecorderDeps {
  readonly logger: DecisionLogger;
  readonly metrics: MetricsRegistry;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Whether the policy of now defines the region: metric labels are a closed set. */
  readonly isRegion: (name: string) => boolean;
}

/**
 * One log record and one count for each decision. What media asks at every produce and consume, and is allowed,
 * is logged at level debug; everything else at info.
 */
export function createDecisionRecorder(deps: DecisionRecorderDeps): DecisionRecorder {
  const { logger, metrics, now, isRegion } = deps;
  const counter = new Counter({
    name: 'watershed_decisions_total',
    help: 'Decisions by step, kind, code and home region of the session.',
    labelNames: ['step', 'kind', 'code', 'region'],
    registers: [metrics],
  });
  // What a node may be refusing from its start on; a series that began with it would not show how fast it grew.
  for (const step of ['directory', 'upgrade'] as const) {
    for (const code of TOKEN_REFUSALS) counter.inc({ step, kind: 'refuse', code, region: 'none' }, 0);
  }
  return {
    record(decision) {
      const { step, kind, code, home } = decision;
      counter.inc({ step, kind, code, region: home !== null && isRegion(home) ? home : 'none' });
      const quiet = kind === 'admit' && isMediaStep(step);
      // Media asks at every leg of everyone: what nobody reads is not made.
      if (quiet && !logger.isLevelEnabled('debug')) return;
      const fields = {
        decision: {
          ...decision,
          at: new Date(now()).toISOString(),
          room: truncate(decision.room),
          jti: truncate(decision.jti),
          ...(decision.pipe && { pipe: { ...decision.pipe, nonce: truncate(decision.pipe.nonce ?? null) } }),
        },
      };
      if (quiet) logger.debug(fields, 'decision');
      else logger.info(fields, 'decision');
    },
  };
}

function isMediaStep(step: DecisionStep): boolean {
  return (
    step === 'transport' || step === 'produce' || step === 'consume' || step === 'pipe' || step === 'address'
  );
}

/** Enough to follow one session through one log, not enough to join its room or replay its token. */
function truncate(id: string | null): string | null {
  if (id === null) return null;
  return `${shortId(id, 8)}…`;
}

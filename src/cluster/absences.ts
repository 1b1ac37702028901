import { Gauge, type Registry as MetricsRegistry } from 'prom-client';
import type { CompiledPolicy } from '../policy/compile.ts';
import { type Absence, livenessOf } from './liveness.ts';
import type { Roster } from './roster.ts';

/** How often every datacenter of the policy is looked at, in ms. */
const LOOK_MS = 10_000;

/** Why nobody is sent to a datacenter: its nodes', or the policy's, which has it `closed`. */
export type LeftOut = Absence | { readonly reason: 'closed' };

export interface AbsencesDeps {
  readonly policy: () => CompiledPolicy | null;
  readonly roster: Pick<Roster, 'read'>;
  readonly logger: {
    warn(fields: object, message: string): void;
    info(fields: object, message: string): void;
  };
  readonly metrics: MetricsRegistry;
  readonly lookMs?: number;
}

export interface Absences {
  close(): void;
}

/**
 * Tells operators, and no client, which datacenters are in nobody's list, as this node sees it, and why: as a gauge,
 * and in the log whenever that changes. While the registry cannot be read nothing is said of any.
 */
export function watchAbsences({ policy, roster, logger, metrics, lookMs = LOOK_MS }: AbsencesDeps): Absences {
  let leftOut: ReadonlyMap<string, LeftOut> = new Map();
  let closed = false;
  new Gauge({
    name: 'watershed_datacenter_absent',
    help: "Datacenters that are in nobody's list, as this node sees it, by reason: always 1.",
    labelNames: ['datacenter', 'reason'],
    registers: [metrics],
    collect() {
      this.reset();
      for (const [datacenter, { reason }] of leftOut) this.set({ datacenter, reason }, 1);
    },
  });

  /** What was logged last; kept while the registry is away, so that its return is no news. */
  let told: ReadonlyMap<string, LeftOut> = leftOut;
  const tell = (now: ReadonlyMap<string, LeftOut>): void => {
    // `datacenter` is the field of the node's own.
    for (const [absent, why] of now) {
      if (JSON.stringify(told.get(absent)) !== JSON.stringify(why))
        logger.warn({ absent, ...why }, 'nobody is sent to a datacenter');
    }
    for (const back of told.keys()) {
      if (!now.has(back)) logger.info({ back }, 'people are sent to a datacenter again');
    }
    told = now;
  };

  /** Never rejects. */
  const look = async (): Promise<void> => {
    const p = policy();
    const now = p === null ? null : await read(p, roster).catch(() => null);
    if (closed) return;
    leftOut = now ?? new Map();
    if (now !== null) tell(now);
  };
  const timer = setInterval(() => void look(), lookMs);
  timer.unref();
  return {
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}

async function read(p: CompiledPolicy, roster: Pick<Roster, 'read'>): Promise<Map<string, LeftOut>> {
  const { absence } = livenessOf(p, await roster.read(p, p.datacenterNames));
  return new Map(
    p.datacenterNames.flatMap((name): [string, LeftOut][] => {
      if (p.policy.closed.includes(name)) return [[name, { reason: 'closed' }]];
      const why = absence(name);
      return why === null ? [] : [[name, why]];
    }),
  );
}

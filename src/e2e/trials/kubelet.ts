import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { render } from '../../../deploy/testing/render.ts';

const probeSchema = z.object({
  httpGet: z.object({ path: z.string() }),
  periodSeconds: z.number(),
  timeoutSeconds: z.number().default(1),
  failureThreshold: z.int(),
});
type ProbeSettings = z.infer<typeof probeSchema>;

export interface Probes {
  readonly liveness: ProbeSettings;
  readonly readiness: ProbeSettings;
}

const read = (name: string) =>
  readFileSync(new URL(`../../../deploy/chart/${name}`, import.meta.url), 'utf8');

/** The probes as the chart has them. */
export function chartProbes(): Probes {
  const context = { Values: z.record(z.string(), z.unknown()).parse(parse(read('values.yaml'))) };
  const manifests = render(read('templates/nodes.yaml'), { ...context, Release: { Name: 'trial' } });
  const pod = manifests.split(/^---$/m).find((text) => /^kind: StatefulSet$/m.test(text)) ?? '';
  const container = z.object({ livenessProbe: probeSchema, readinessProbe: probeSchema });
  const schema = z.object({
    spec: z.object({ template: z.object({ spec: z.object({ containers: z.tuple([container]) }) }) }),
  });
  const [{ livenessProbe, readinessProbe }] = schema.parse(parse(pod)).spec.template.spec.containers;
  return { liveness: livenessProbe, readiness: readinessProbe };
}

/**
 * Asks a node what a kubelet would ask, as often and with as much patience, over HTTP instead of HTTPS: a local
 * cluster has no certificates. A failed liveness threshold is a restart that a kubelet would have made.
 */
export class Kubelet {
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #since = performance.now();
  /** Answers to liveness probes that failed, and restarts that would have followed. */
  failedLiveness = 0;
  restarts = 0;
  /** Whether the pod counts as ready, and each change of that, in ms since the start. */
  ready = true;
  readonly changes: { readonly at: number; readonly ready: boolean }[] = [];

  constructor(base: string, { liveness, readiness }: Probes) {
    let dead = 0;
    this.#every(liveness, base, (ok) => {
      dead = ok ? 0 : dead + 1;
      if (!ok) this.failedLiveness += 1;
      if (dead === liveness.failureThreshold) this.restarts += 1;
    });
    let unready = 0;
    this.#every(readiness, base, (ok) => {
      unready = ok ? 0 : unready + 1;
      const ready = ok || (this.ready && unready < readiness.failureThreshold);
      if (ready !== this.ready) this.changes.push({ at: performance.now() - this.#since, ready });
      this.ready = ready;
    });
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #every(probe: ProbeSettings, base: string, told: (ok: boolean) => void): void {
    const ask = async (): Promise<void> => told(await answers(`${base}${probe.httpGet.path}`, probe));
    this.#timers.push(setInterval(() => void ask(), probe.periodSeconds * 1000));
  }
}

async function answers(url: string, { timeoutSeconds }: ProbeSettings): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(timeoutSeconds * 1000) })).ok;
  } catch {
    return false;
  }
}

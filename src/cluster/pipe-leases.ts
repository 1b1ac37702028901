import { Counter, Gauge, type Registry as MetricsRegistry } from 'prom-client';
import type { Links } from '../links/types.ts';
import { nodeKey } from '../policy/node-key.ts';
import type { PipeJudgeDeps } from './pipe-judge.ts';
import { CLOSE, CLOSED, OPEN, RENEW, WANTED } from './pipe-messages.ts';
import { PipeReceiver } from './pipe-receiver.ts';
import { PipeSender } from './pipe-sender.ts';
import { type LeaseEnd, PIPE_TIMING, type PipeLog, type Pipes, type PipeTiming } from './pipe-types.ts';

export interface PipesDeps extends PipeJudgeDeps {
  readonly links: Links;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly log: PipeLog;
  readonly metrics: MetricsRegistry;
  readonly timing?: Partial<PipeTiming>;
}

/** Takes part, over these links, in what nodes say to each other about pipes. */
export function createPipes(deps: PipesDeps): Pipes {
  const { links, metrics } = deps;
  const ended = new Counter({
    name: 'watershed_pipe_leases_ended_total',
    help: 'Leases of media pipes to (out) and from (in) other nodes that are over, by why.',
    labelNames: ['direction', 'reason'],
    registers: [metrics],
  });
  const timing = { ...PIPE_TIMING, ...deps.timing };
  const onEnd = (direction: 'out' | 'in') => (reason: LeaseEnd) => ended.inc({ direction, reason });
  const sender = new PipeSender({ ...deps, timing, onEnd: onEnd('out') });
  const receiver = new PipeReceiver({ ...deps, timing, onEnd: onEnd('in') });
  new Gauge({
    name: 'watershed_pipe_leases',
    help: 'Producers that are sent to (out) and come from (in) other nodes.',
    labelNames: ['direction'],
    registers: [metrics],
    collect() {
      this.set({ direction: 'out' }, sender.size);
      this.set({ direction: 'in' }, receiver.size);
    },
  });

  links.onRequest(OPEN, (link, data) => sender.open(link, data));
  links.onRequest(RENEW, (link, data) => sender.renew(link, data));
  links.onNotice(CLOSE, (link, data) => sender.close(link, data));
  links.onNotice(WANTED, (link, data) => sender.wanted(link, data));
  links.onNotice(CLOSED, (link, data) => receiver.closed(link, data));
  links.onChange((link, state) => {
    if (state === 'up') receiver.linked(link);
  });
  const ticking = setInterval(() => {
    sender.tick();
    receiver.tick();
  }, timing.tickMs);
  ticking.unref();

  return {
    sourceFor: (room, node, label) => receiver.sourceFor(room, node, label),
    attach: (room, media, label) => sender.attach(room, media, label),
    rejudge(disowned = []) {
      const nodes = new Set<string>(disowned.map(nodeKey));
      // What leaves this node first.
      sender.rejudge(nodes);
      receiver.rejudge(nodes);
    },
    stats: () => ({ out: sender.size, in: receiver.size }),
    close() {
      clearInterval(ticking);
      sender.stop();
      receiver.stop();
    },
  };
}

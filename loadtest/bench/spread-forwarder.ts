import { createWorker, type types } from 'mediasoup';
import { PipeLink } from '../../src/media/pipe-link.ts';
import { socketBuffers } from '../../src/media/socket-buffers.ts';
import { addSenders, addShapes, type Forwarder, type Session, type Setting } from './forwarder.ts';
import {
  attach,
  CODEC_CAPABILITIES,
  producing,
  receive,
  withoutBandwidthEstimation,
} from './mediasoup-forwarder.ts';
import { claimCore, memory } from './process.ts';

/** Which of a room's workers each of its people is on. */
export interface Layout {
  readonly label: string;
  readonly workers: number;
  /** Where a participant sends. */
  sends(participant: number): number;
  /** Where it receives; without, at each worker what is sent there, and nothing is piped. */
  readonly receives?: (participant: number) => number;
}

interface Site {
  readonly worker: types.Worker;
  readonly router: types.Router;
  readonly server: types.WebRtcServer;
  /** Copies of what is sent elsewhere, by the sender's number. */
  readonly copies: Map<number, readonly types.Producer[]>;
}

const KEY_FRAME_INTERVAL_MS = 500;

/** A room over several workers of one node, piped as the product does it, all on one processor. */
export function spreadForwarder(layout: Layout, workerBin: string): Forwarder {
  return {
    label: layout.label,
    about: layout.label,
    async open(setting) {
      const workers: types.Worker[] = [];
      try {
        for (let i = 0; i < layout.workers; i += 1) {
          workers.push(await createWorker({ workerBin, logLevel: 'error' }));
        }
        return await openSession(workers, layout, setting);
      } catch (error) {
        for (const worker of workers) worker.close();
        throw error;
      }
    },
  };
}

async function openSession(
  workers: readonly types.Worker[],
  layout: Layout,
  setting: Setting,
): Promise<Session> {
  const { plan, generator } = setting;
  const sites = await Promise.all(workers.map((worker) => openSite(worker, setting)));
  await addShapes(generator, plan);
  const homes = plan.participants.map((_, participant) => at(sites, layout.sends(participant)));
  for (const [participant, { publishes }] of plan.participants.entries()) {
    if (publishes.length === 0) continue;
    const home = at(homes, participant);
    const transport = await connect(home, `send${participant}`, setting);
    const produced = publishes.map((medium, index) =>
      transport.produce(producing(participant, index, medium)),
    );
    home.copies.set(participant, await Promise.all(produced));
  }
  if (layout.receives) await pipe(sites, homes);
  const pids = workers.map(({ pid }) => pid);
  const memoryBefore = memory(pids);
  for (const [participant, { subscribesTo }] of plan.participants.entries()) {
    const only = layout.receives?.(participant);
    for (const [index, site] of sites.entries()) {
      if (only !== undefined && only !== index) continue;
      await subscribe(site, `receive${participant}-${index}`, participant, subscribesTo, setting);
    }
  }
  await addSenders(generator, plan, (participant) => `send${participant}`);
  return {
    pids,
    memoryBefore,
    async close() {
      for (const worker of workers) worker.close();
    },
  };
}

async function openSite(worker: types.Worker, { core, place }: Setting): Promise<Site> {
  claimCore(worker.pid, core);
  const [router, server] = await Promise.all([
    worker.createRouter({ mediaCodecs: CODEC_CAPABILITIES }),
    worker.createWebRtcServer({
      listenInfos: [{ protocol: 'udp', ip: place.forwarderIp, ...socketBuffers }],
    }),
  ]);
  return { worker, router, server, copies: new Map() };
}

async function connect(
  { router, server }: Site,
  name: string,
  setting: Setting,
): Promise<types.WebRtcTransport> {
  const transport = await router.createWebRtcTransport({ webRtcServer: server });
  await attach(transport, setting, name, undefined);
  return transport;
}

/** Copies what each sends to every other worker, as soon as anyone there receives it: in a large room, always. */
async function pipe(sites: readonly Site[], homes: readonly Site[]): Promise<void> {
  for (const from of sites) {
    for (const to of sites.filter((site) => site !== from)) {
      const sent = [...from.copies].filter(([participant]) => homes[participant] === from);
      if (sent.length === 0) continue;
      const link = await PipeLink.open(from.router, to.router);
      for (const [participant, producers] of sent) {
        const carried = producers.map((producer) => link.carry(producer, KEY_FRAME_INTERVAL_MS));
        to.copies.set(participant, await Promise.all(carried));
      }
    }
  }
}

async function subscribe(
  site: Site,
  name: string,
  participant: number,
  subscribesTo: readonly number[],
  setting: Setting,
): Promise<void> {
  const here = subscribesTo.filter((from) => site.copies.has(from));
  if (here.length === 0) return;
  const transport = await connect(site, name, setting);
  const rtpCapabilities = withoutBandwidthEstimation(site.router.rtpCapabilities);
  await Promise.all(
    here.flatMap((from) =>
      (site.copies.get(from) ?? []).map(async ({ id }, index) => {
        const consumer = await transport.consume({ producerId: id, rtpCapabilities });
        await receive(setting.generator, setting.plan, name, participant, from, index, consumer);
      }),
    ),
  );
}

function at<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new Error(`there is no ${index}`);
  return value;
}

import { z } from 'zod';
import {
  addSenders,
  addShapes,
  CODECS,
  type Forwarder,
  names,
  type Session,
  type Setting,
} from './forwarder.ts';
import { ensureSharedLibsrtp } from './janus-libsrtp.ts';
import { type JanusProcess, startJanus } from './janus-process.ts';
import { farEndOf, type NearEnd, publisherOffer, readOffer, subscriberAnswer } from './janus-sdp.ts';
import { claimCore, memory } from './process.ts';

const ROOM = 1234;

const joinedSchema = z.looseObject({ id: z.number() });
const attachedSchema = z.looseObject({
  streams: z.array(z.looseObject({ mindex: z.number(), feed_id: z.number(), feed_mid: z.string() })),
});

/** Janus's video room, as packaged (a thread for each handle), or with that many event loops; its libsrtp on OpenSSL. */
export async function janusForwarder(label: string, eventLoops: number | undefined): Promise<Forwarder> {
  const how =
    eventLoops === undefined ? 'at its default, a thread for each handle' : `event_loops=${eventLoops}`;
  const made = await ensureSharedLibsrtp();
  const libsrtp = 'path' in made ? made.path : undefined;
  const withIt =
    'path' in made
      ? "with the stock worker's libsrtp on OpenSSL in place of Debian's on NSS"
      : `with Debian's libsrtp, which encrypts through NSS: another could not be built (${made.reason})`;
  return {
    label,
    about: `Janus 1.1.2 as Debian packages it, ${withIt}; video room, ${how}`,
    needsNamespace: true,
    async open(setting) {
      const janus = await startJanus(setting.place, { eventLoops, libsrtp });
      try {
        return await openSession(janus, setting);
      } catch (error) {
        await janus.close();
        throw error;
      }
    },
  };
}

async function openSession(janus: JanusProcess, setting: Setting): Promise<Session> {
  const { plan, generator } = setting;
  claimCore(janus.pid, setting.core);
  await addShapes(generator, plan);
  const manager = await janus.client.attach();
  await janus.client.ask(manager, {
    request: 'create',
    room: ROOM,
    publishers: 1000,
    // No limit and no regular key frames: what the participants send is what is measured.
    bitrate: 0,
    fir_freq: 0,
    audiocodec: 'opus',
    videocodec: 'vp8',
  });
  // All at once: with one event loop, Janus takes a quarter of a second for each, mostly waiting.
  const feeds = new Map(
    await Promise.all(
      plan.participants.flatMap(({ publishes }, participant) =>
        publishes.length === 0
          ? []
          : [publish(janus, setting, participant).then((feed) => [participant, feed] as const)],
      ),
    ),
  );
  const memoryBefore = memory([janus.pid]);
  await Promise.all(
    plan.participants.flatMap(({ subscribesTo }, participant) =>
      subscribesTo.length === 0 ? [] : [subscribe(janus, setting, participant, feeds)],
    ),
  );
  await addSenders(generator, plan, (participant) => `send${participant}`);
  return {
    pids: [janus.pid],
    memoryBefore,
    close: () => janus.close(),
  };
}

/** Reserves a transport: its credentials go into a description before the far end's are known. */
async function reserve({ generator, place, profile }: Setting, transport: string): Promise<NearEnd> {
  const { ufrag, pwd } = await generator.addTransport({
    transport,
    bind: place.generatorIp,
    profiles: [profile],
    start: false,
  });
  return { ufrag, pwd, fingerprint: generator.fingerprint };
}

/** Returns the feed's number. */
async function publish(janus: JanusProcess, setting: Setting, participant: number): Promise<number> {
  const transport = `send${participant}`;
  const near = await reserve(setting, transport);
  const handle = await janus.client.attach();
  const joined = await janus.client.ask(handle, { request: 'join', ptype: 'publisher', room: ROOM });
  const media = setting.plan.participants[participant]?.publishes ?? [];
  const { sdp } = await janus.client.ask(
    handle,
    { request: 'publish' },
    { type: 'offer', sdp: publisherOffer(near, participant, media) },
  );
  await connect(setting, transport, sdp);
  return joinedSchema.parse(joined.data).id;
}

async function subscribe(
  janus: JanusProcess,
  setting: Setting,
  participant: number,
  feeds: ReadonlyMap<number, number>,
): Promise<void> {
  const { plan, generator } = setting;
  const transport = `receive${participant}`;
  const near = await reserve(setting, transport);
  const handle = await janus.client.attach();
  const wanted = plan.participants[participant]?.subscribesTo ?? [];
  const attached = await janus.client.ask(handle, {
    request: 'join',
    ptype: 'subscriber',
    room: ROOM,
    streams: wanted.map((from) => ({ feed: feeds.get(from) })),
  });
  if (attached.sdp === undefined) throw new Error('Janus offered nothing');
  const offered = readOffer(attached.sdp);
  for (const { mindex, feed_id, feed_mid } of attachedSchema.parse(attached.data).streams) {
    const from = wanted.find((other) => feeds.get(other) === feed_id);
    const line = offered[mindex];
    const medium = from === undefined ? undefined : plan.participants[from]?.publishes[Number(feed_mid)];
    if (from === undefined || line === undefined || medium === undefined)
      throw new Error('Janus offers others');
    await generator.addReceiver({
      transport,
      receiver: names.receiver(participant, from, Number(feed_mid)),
      ssrc: line.ssrc,
      ...(line.rtxSsrc === undefined ? {} : { rtx: { ssrc: line.rtxSsrc } }),
      clockRate: CODECS[medium.codec].clockRate,
      codec: medium.codec,
    });
  }
  await janus.client.ask(
    handle,
    { request: 'start' },
    { type: 'answer', sdp: subscriberAnswer(near, offered) },
  );
  await connect(setting, transport, attached.sdp);
}

async function connect({ generator }: Setting, transport: string, sdp: string | undefined): Promise<void> {
  if (sdp === undefined) throw new Error('Janus described nothing');
  await generator.startTransport(transport, farEndOf(sdp));
  await generator.connected(transport);
}

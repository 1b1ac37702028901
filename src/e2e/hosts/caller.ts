import { fetchFrom } from '../../../loadtest/measure/local-address.ts';
import { syntheticHandlerFactory } from '../../../loadtest/participant/handler.ts';
import { releaseWebRtc } from '../../../loadtest/participant/participant.ts';
import { SyntheticTrack } from '../../../loadtest/participant/synthetic-track.ts';
import { WatershedClient } from '../../client/client.ts';
import { nodeEnvironment } from '../../client/node.ts';
import { type Answer, type Order, orderSchema, type View } from './messages.ts';
import { silentHandlerFactory } from './silent-handler.ts';

interface Person {
  readonly client: WatershedClient;
  readonly statuses: string[];
  readonly problems: string[];
}

/** Plays people, with the product's client, as the parent process orders; ends with it. */
export function runCaller(): void {
  const people = new Map<string, Person>();
  const end = (): void => {
    releaseWebRtc();
    process.exit(0);
  };
  process.on('disconnect', end);
  process.on('message', (message) => {
    const order = orderSchema.parse(message);
    if (order.do === 'end') return end();
    const tell = (answer: Omit<Answer, 'id'>): void => {
      if (process.connected) process.send?.({ id: order.id, ...answer } satisfies Answer);
    };
    carryOut(people, order).then(tell, (error: unknown) => tell({ outcome: String(error) }));
  });
}

async function carryOut(people: Map<string, Person>, order: Order): Promise<Omit<Answer, 'id'>> {
  const client = (who: string): WatershedClient => {
    const person = people.get(who);
    if (person === undefined) throw new Error(`nobody is ${who}`);
    return person.client;
  };
  const said = (outcome: { ok: true } | { ok: false; problem: { code: string } }) => ({
    outcome: outcome.ok ? 'ok' : outcome.problem.code,
  });
  switch (order.do) {
    case 'join':
      return { outcome: await join(people, order) };
    case 'chat':
      return said(await client(order.who).sendChat(order.text));
    case 'admit':
      return said(await client(order.who).admitPeer(order.peerId));
    case 'leave':
      await client(order.who).leave();
      people.delete(order.who);
      return { outcome: 'ok' };
    case 'views':
      return { outcome: 'ok', views: [...people].map(([who, person]) => viewOf(who, person)) };
    case 'end':
      return { outcome: 'ok' };
  }
}

async function join(
  people: Map<string, Person>,
  { who, token, doors, from, media }: Extract<Order, { do: 'join' }>,
): Promise<string> {
  const handlerFactory =
    media === null ? silentHandlerFactory : syntheticHandlerFactory({ bindAddress: media });
  const environment = { ...nodeEnvironment({ handlerFactory, localAddress: from }), fetch: fetchFrom(from) };
  const client = new WatershedClient(environment);
  const person: Person = { client, statuses: [], problems: [] };
  client.on('status', (status) => person.statuses.push(status));
  client.on('problem', ({ code }) => person.problems.push(code));
  client.on('closed', (problem) => {
    if (problem !== null) person.problems.push(problem.code);
  });
  people.set(who, person);
  const outcome = await client.connect({ token, frontDoors: doors, displayName: who });
  if (!outcome.ok) return outcome.problem.code;
  if (media !== null && outcome.value === 'joined') {
    const published = await client.publish(new SyntheticTrack({ kind: 'audio' }), { source: 'microphone' });
    if (!published.ok) return published.problem.code;
  }
  return outcome.value;
}

function viewOf(who: string, { client, statuses, problems }: Person): View {
  const { room } = client;
  const peers = [...(room?.peers.values() ?? [])];
  const nameOf = new Map(peers.map(({ peerId, displayName }) => [peerId, displayName]));
  const heard: Record<string, number> = {};
  const missing: Record<string, number> = {};
  for (const { track, peerId } of client.tracks) {
    const name = nameOf.get(peerId);
    if (name === undefined || !(track instanceof SyntheticTrack) || track.meter === null) continue;
    const stats = track.meter.stats();
    heard[name] = (heard[name] ?? 0) + stats.stamped;
    missing[name] = (missing[name] ?? 0) + stats.missing;
  }
  return {
    who,
    status: client.status,
    datacenter: client.seat?.datacenter ?? null,
    peerId: room?.peerId ?? '',
    peers: peers.map(({ peerId, displayName, datacenter, producers }) => ({
      peerId,
      name: displayName,
      datacenter,
      sources: producers.map(({ source }) => source).sort(),
    })),
    waiting: [...(room?.waiting.values() ?? [])].sort(),
    chat: (room?.chat ?? []).map(({ displayName, text }) => ({ name: displayName, text })),
    heard,
    missing,
    statuses,
    problems,
  };
}

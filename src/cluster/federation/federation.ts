import { nodeKey } from '../../policy/node-key.ts';
import { WatershedError } from '../../protocol/errors.ts';
import type { RoomKey } from '../../registry/port.ts';
import { commonPlaces } from './common-places.ts';
import type { FederationDeps } from './deps.ts';
import { FederatedRoom } from './federated-room.ts';
import { actMessageSchema, meetSchema, updateSchema } from './messages.ts';
import type { Federation, LocalRoom, RoomLink } from './types.ts';

/** Joins this node's rooms with the same rooms at other nodes, over node links. */
export function createFederation(deps: FederationDeps): Federation {
  const { links, pipes, registry, node } = deps;
  const rooms = new Map<string, FederatedRoom>();

  /**
   * Takes this node's part out of the record of a room that is not here: a registry that failed over may have gone
   * back to when it was, and nobody else may write that part. Rejects with `registry_unavailable`: whoever reads the
   * record asks again.
   */
  const disown = async (key: RoomKey): Promise<void> => {
    const { hosts, epoch } = await registry.room(key);
    const isNamed = hosts.some((host) => host.node === node.id && host.datacenter === node.datacenter);
    if (!isNamed || rooms.has(key)) return;
    await registry.restateRoom(key, { node, host: null, regions: null, seenEpoch: epoch });
    // It may have been opened meanwhile.
    rooms.get(key)?.restate();
  };

  links.onRequest('room.meet', (from, data) => {
    const meet = meetSchema.parse(data);
    const room = rooms.get(meet.room);
    if (room !== undefined) return { hosting: true, ...room.onMeet(from, meet) };
    disown(meet.room).catch(() => undefined);
    return { hosting: false };
  });
  links.onNotice('room.update', (from, data) => {
    const update = updateSchema.parse(data);
    rooms.get(update.room)?.onUpdate(from, update);
  });
  links.onRequest('room.act', async (from, data) => {
    const { room: key, act } = actMessageSchema.parse(data);
    const room = rooms.get(key);
    const host = room?.memberAt(nodeKey(from.peer), act.by);
    // The host's role is that node's to say, of its own member alone.
    if (room === undefined || host === undefined) throw new WatershedError('not_found');
    if (host.role !== 'host') throw new WatershedError('host_only');
    await room.room.act(act);
    return {};
  });
  links.onChange((link, state) => {
    if (state === 'down') for (const room of rooms.values()) room.neighbours.onLinkDown(link);
  });

  return {
    open(room) {
      const federated = new FederatedRoom(room, deps);
      // A room of the same id that is being closed leaves its place to this one.
      rooms.get(federated.key)?.close();
      rooms.set(federated.key, federated);
      return linkOf(federated, deps, () => {
        if (rooms.get(federated.key) === federated) rooms.delete(federated.key);
      });
    },
    common: (room, label) => commonPlaces(deps, room, label),
    rejudge() {
      const disowned = links.rejudge();
      for (const room of rooms.values()) {
        try {
          room.rejudge();
        } catch (error) {
          // The other rooms, and every pipe, are judged all the same.
          deps.log.error({ err: error }, 'a room could not be judged');
        }
      }
      pipes.rejudge(disowned);
    },
    restate() {
      for (const room of rooms.values()) room.restate();
    },
    stats: () => ({
      rooms: rooms.size,
      peerings: [...rooms.values()].reduce((sum, { neighbours }) => sum + neighbours.all().length, 0),
    }),
    close() {
      for (const room of rooms.values()) room.close();
      rooms.clear();
    },
  };
}

function linkOf(federated: FederatedRoom, { pipes }: FederationDeps, onClose: () => void): RoomLink {
  const { key, room } = federated;
  const labelOf = (peerId: string) => room.places().find((place) => place.peerId === peerId)?.label;
  return {
    enter: (newcomer) => federated.enter(newcomer),
    placesChanged: () => federated.placesChanged(),
    memberChanged: (peerId, reason) => federated.memberChanged(peerId, reason),
    waitingChanged: () => federated.waitingChanged(),
    chat: (peerId, chat) =>
      federated.neighbours.tellAll((peering) =>
        peering.knows(peerId) ? { chat: { peerId, ...chat } } : null,
      ),
    share: () => federated.neighbours.tellAll((peering) => peering.sharedUpdate()),
    act: async (node, act) => {
      const peering = federated.neighbours.get(node);
      // That a host acts is the host's own word, as chat is.
      if (peering?.knows(act.by) !== true) throw new WatershedError('not_found');
      await peering.link.request('room.act', { room: key, act });
    },
    handOver: () => federated.handOver(),
    source: (node) =>
      pipes.sourceFor(key, node, (peerId) => federated.memberAt(nodeKey(node), peerId)?.label),
    attach: (media) => pipes.attach(key, media, labelOf),
    close: () => {
      onClose();
      federated.close();
    },
  };
}

/** A node that stands alone: its rooms are here and nowhere else. */
export function noFederation(): Federation {
  const nowhere = (): never => {
    throw new WatershedError('not_found');
  };
  return {
    open: (_room: LocalRoom): RoomLink => ({
      enter: async () => ({ kind: 'admit' }),
      placesChanged: () => {},
      memberChanged: () => {},
      waitingChanged: () => {},
      chat: () => {},
      share: () => {},
      act: nowhere,
      handOver: async () => new Set(),
      source: nowhere,
      attach: () => () => {},
      close: () => {},
    }),
    common: async () => null,
    rejudge: () => {},
    restate: () => {},
    stats: () => ({ rooms: 0, peerings: 0 }),
    close: () => {},
  };
}

import { noFederation } from '../cluster/federation/federation.ts';
import type { Federation } from '../cluster/federation/types.ts';
import type { Admission } from '../cluster/types.ts';
import type { MediaEngine, MediaLimits } from '../media/types.ts';
import { CLOSE } from '../protocol/errors.ts';
import { SUBPROTOCOL } from '../protocol/frames.ts';
import { type Clock, systemClock } from '../rooms/clock.ts';
import { endingOf } from '../rooms/ending.ts';
import type { RoomLimits } from '../rooms/limits.ts';
import { MOVE_SECONDS } from '../rooms/moving.ts';
import { notification } from '../rooms/notification.ts';
import type { Log, NodeIdentity } from '../rooms/ports.ts';
import type { Room } from '../rooms/room.ts';
import { RoomManager } from '../rooms/room-manager.ts';
import { Conversation, type ConversationDeps, type Entry } from './conversation.ts';
import type { SignalingLimits } from './limits.ts';
import type { SignalingMetrics } from './metrics.ts';
import { ResumeTokens } from './resume-tokens.ts';
import type { Session } from './session.ts';
import type { SessionHost } from './types.ts';

export interface SessionHostDeps {
  readonly engine: Pick<MediaEngine, 'openRoom' | 'routerRtpCapabilities'>;
  readonly admission: Pick<Admission, 'decideAgain' | 'gate' | 'serves'>;
  readonly node: NodeIdentity;
  /** The way to the rooms' other nodes; none where the node stands alone. */
  readonly federation?: Pick<Federation, 'open'>;
  /** Digest of the policy that the node runs now; empty where it has none. */
  readonly policyDigest: () => string;
  readonly limits: SignalingLimits;
  readonly roomLimits: RoomLimits;
  /** Told to clients in `welcome`; media enforces them. */
  readonly mediaLimits: Pick<MediaLimits, 'producersPerPeer' | 'consumersPerPeer'>;
  readonly log: Log;
  readonly metrics: SignalingMetrics;
  /** The machine's clocks where none is given. */
  readonly clock?: Clock;
}

/** A snapshot for metrics, readiness and tests: how many of each exist now. */
export interface SessionStats {
  /** Sockets, admitted and not yet closed. */
  readonly connections: number;
  /** Sessions that are in a room, wait for one, or have lost their socket. */
  readonly sessions: number;
  /** Resume tokens that can still be used. */
  readonly resumeTokens: number;
  readonly rooms: number;
  /** Members of all rooms. */
  readonly peers: number;
  readonly waiting: number;
}

/** The meetings of this node, as the composition root sees them. */
export interface Sessions extends SessionHost {
  stats(): SessionStats;
  /** For a switch of policy: forbidden legs close first, then every stay is decided anew, in slices. */
  rejudgeAll(): Promise<void>;
  /** Takes nobody new from now on; those who are here go on, and may come back to their sessions. */
  stopAccepting(): void;
  /** Resolves once nobody is here, and at the latest after `deadlineMs` or at the signal. */
  whenEmpty(deadlineMs: number, signal: AbortSignal): Promise<void>;
  /**
   * Takes nobody new and hands everyone over, room by room over a quarter of the time: whoever can sit elsewhere is
   * told where (`move`), and leaves once it does. Then the rest is told that it is over here (`bye` draining, 4503).
   * Resolves once every socket is closed, at the latest after `deadlineMs`, when the rest is cut.
   */
  handOver(deadlineMs: number): Promise<void>;
  /** The same, without a place elsewhere: there is no time. */
  sendAway(deadlineMs: number): Promise<void>;
  /** Ends everything now; idempotent. The engine is its creator's to close. */
  close(): void;
}

/** Longest wait between two rooms that are told to go elsewhere, in ms. */
const DRAIN_STEP_MS = 200;
const MOVE_GRACE_MS = 500;

export function createSessionHost(deps: SessionHostDeps): Sessions {
  const clock = deps.clock ?? systemClock;
  const { engine, admission, node, policyDigest, limits, log, metrics } = deps;
  const rooms = new RoomManager({
    engine,
    admission,
    federation: deps.federation ?? noFederation(),
    node,
    policyDigest,
    limits: deps.roomLimits,
    clock,
    log,
  });
  const tokens = new ResumeTokens<Session>();
  const sessions = new Set<Session>();
  const conversations = new Set<Conversation>();
  let accepting = true;
  let draining = false;
  /** Called whenever a socket or a session is gone. */
  const onGone = new Set<() => void>();
  const gone = () => {
    for (const listener of onGone) listener();
  };
  /** Resolves once `isSo`, which can become so only when somebody goes. */
  const until = (isSo: () => boolean, ended: Promise<void>): Promise<void> => {
    if (isSo()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        onGone.delete(look);
        resolve();
      };
      const look = () => {
        if (isSo()) finish();
      };
      onGone.add(look);
      void ended.then(finish);
    });
  };

  const conversationDeps: ConversationDeps = {
    limits,
    clock,
    log,
    metrics,
    rooms,
    admission,
    tokens,
    policyDigest,
    session: {
      limits,
      clock,
      tokens,
      onEntered: (session) => sessions.add(session),
      onEnded: (session) => {
        sessions.delete(session);
        gone();
      },
    },
    welcome: () =>
      notification('welcome', {
        protocol: SUBPROTOCOL,
        node: { id: node.id, datacenter: node.datacenter, region: node.region },
        policy: policyDigest(),
        routerRtpCapabilities: engine.routerRtpCapabilities,
        limits: {
          maxMessageBytes: limits.maxMessageBytes,
          messagesPerSecond: limits.messages.perSecond,
          producersPerPeer: deps.mediaLimits.producersPerPeer,
          consumersPerPeer: deps.mediaLimits.consumersPerPeer,
          firstMessageSeconds: limits.firstMessageSeconds,
        },
      }),
  };

  const open = (socket: ConstructorParameters<typeof Conversation>[0], entry: Entry): Conversation => {
    const conversation = new Conversation(socket, entry, conversationDeps, () => {
      conversations.delete(conversation);
      gone();
    });
    conversations.add(conversation);
    return conversation;
  };

  const stopAccepting = (): void => {
    accepting = false;
    rooms.stopAccepting();
  };

  const endConversations = (): void => {
    for (const { connection } of conversations) connection.fail('draining', CLOSE.goingAway);
  };

  const drain = async (deadlineMs: number, end: (room: Room) => Promise<void>): Promise<void> => {
    stopAccepting();
    draining = true;
    const deadline = clock.after(deadlineMs, () => {
      for (const { connection } of conversations) connection.cut();
    });
    const open = rooms.rooms();
    const step = Math.min(DRAIN_STEP_MS, deadlineMs / 4 / Math.max(1, open.length));
    const ends: Promise<void>[] = [];
    for (const [index, room] of open.entries()) {
      if (index > 0) await new Promise<void>((resolve) => clock.after(step, resolve));
      ends.push(end(room));
    }
    await Promise.all(ends);
    endConversations();
    await until(() => conversations.size === 0, new Promise(() => {}));
    deadline.cancel();
  };

  return {
    accept(socket, admitted) {
      const conversation = open(socket, { kind: 'join', admitted });
      if (accepting) conversation.welcome();
      else conversation.connection.fail('draining', CLOSE.goingAway);
    },

    findResumable: (resumeToken) => tokens.find(resumeToken)?.admitted,

    acceptResumed(socket, resumeToken, admitted) {
      const conversation = open(socket, { kind: 'resume', token: resumeToken });
      const session = tokens.find(resumeToken);
      if (draining) {
        conversation.connection.fail('draining', CLOSE.goingAway);
      } else if (session === undefined) {
        metrics.resumed('refused');
        conversation.refuse('resume_invalid', CLOSE.unauthenticated);
      } else if (!session.rejudged(admitted)) {
        metrics.resumed('refused');
        conversation.refuse('region_not_admitted', CLOSE.refused);
      } else {
        session.holdWindow();
        conversation.welcome();
      }
    },

    forbidResumed(resumeToken, verdict) {
      const session = tokens.find(resumeToken);
      if (session === undefined) return;
      metrics.resumed('refused');
      const ending =
        'list' in verdict
          ? endingOf({ kind: 'redirect', redirect: verdict })
          : endingOf({ kind: 'refuse', refusal: verdict });
      session.leave('policy', ending);
    },

    stats: () => ({
      connections: conversations.size,
      sessions: sessions.size,
      resumeTokens: tokens.size,
      ...rooms.stats(),
    }),

    rejudgeAll: () => rooms.rejudgeAll(),

    stopAccepting,

    async whenEmpty(deadlineMs, signal) {
      let finish = () => {};
      const ended = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const deadline = clock.after(deadlineMs, finish);
      signal.addEventListener('abort', finish);
      if (signal.aborted) finish();
      await until(() => conversations.size === 0 && sessions.size === 0, ended);
      signal.removeEventListener('abort', finish);
      deadline.cancel();
    },

    handOver: (deadlineMs) =>
      drain(deadlineMs, async (room) => {
        await room.handOver();
        if (room.closed) return;
        // A little longer than those who are told have: the last of them are sent away with their list.
        const patience = Math.min(MOVE_SECONDS * 1000 + MOVE_GRACE_MS, deadlineMs / 2);
        const late = new Promise<void>((resolve) => clock.after(patience, resolve));
        await until(() => room.placed().length === 0, late);
        room.close('draining');
      }),

    sendAway: (deadlineMs) => drain(deadlineMs, async (room) => room.close('draining')),

    close() {
      stopAccepting();
      draining = true;
      rooms.close();
      endConversations();
    },
  };
}

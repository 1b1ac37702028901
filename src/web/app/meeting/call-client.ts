import type { WatershedClient } from '../../../client/client.ts';

/** What the meeting page uses of the client library; a test can play this part without a node. */
export type CallClient = Pick<
  WatershedClient,
  | 'status'
  | 'seat'
  | 'room'
  | 'tracks'
  | 'publications'
  | 'on'
  | 'leave'
  | 'publish'
  | 'unpublish'
  | 'setPaused'
  | 'replaceTrack'
  | 'setConsumerLayers'
  | 'setConsumerPriority'
  | 'setConsumersPaused'
  | 'sendChat'
  | 'getStats'
  | 'mutePeer'
  | 'removePeer'
  | 'lockRoom'
  | 'endRoom'
  | 'admitPeer'
  | 'denyPeer'
>;

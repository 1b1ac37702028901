import type { MethodName, RequestOf } from '../protocol/methods.ts';

/** Requests that a new producer counts as in a room of one's own. */
const PRODUCE = 10;
/** Others in the room for whom it counts as one request more: it makes a consumer for each. */
const SUBSCRIBERS = 4;
/** Consumers that are switched for the price of one request. */
const CONSUMERS = 16;

const COSTS: { readonly [M in MethodName]?: (data: RequestOf<M>, others: number) => number } = {
  produce: (_data, others) => PRODUCE - 1 + others / SUBSCRIBERS,
  resumeConsumers: ({ consumerIds }) => consumerIds.length / CONSUMERS,
  pauseConsumers: ({ consumerIds }) => consumerIds.length / CONSUMERS,
};

/**
 * What a request counts for beyond being one: what it makes the node and its workers do grows with the room, or with
 * what it names, and its sender is to be held to that rather than to a number of messages.
 * @param others members of the sender's room beside it, at all nodes
 */
export function costOf<M extends MethodName>(method: M, data: RequestOf<M>, others: number): number {
  return COSTS[method]?.(data, others) ?? 0;
}

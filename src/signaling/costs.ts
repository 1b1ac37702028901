import type { MethodName, RequestOf } from '../protocol/methods.ts';

/** Requests that a new producer counts as: it makes a consumer for everyone else in the room. */
const PRODUCE = 10;
/** Consumers that are switched for the price of one request. */
const CONSUMERS = 16;

const COSTS: { readonly [M in MethodName]?: (data: RequestOf<M>) => number } = {
  produce: () => PRODUCE - 1,
  resumeConsumers: ({ consumerIds }) => consumerIds.length / CONSUMERS,
  pauseConsumers: ({ consumerIds }) => consumerIds.length / CONSUMERS,
};

/**
 * What a request counts for beyond being one: what it makes the node and its workers do grows with the room, or with
 * what it names, and its sender is to be held to that rather than to a number of messages.
 */
export function costOf<M extends MethodName>(method: M, data: RequestOf<M>): number {
  return COSTS[method]?.(data) ?? 0;
}

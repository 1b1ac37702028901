import type { MethodName, RequestOf, ResponseOf } from '../protocol/methods.ts';
import type { Conversation } from './conversation.ts';

/** A response, and what follows once it is on its way. */
export interface Answer<T> {
  readonly data: T;
  readonly after?: () => void;
}

/** How one method is answered; throws a WatershedError for an error response. */
export type Handler<M extends MethodName> = (
  conversation: Conversation,
  data: RequestOf<M>,
) => Promise<Answer<ResponseOf<M>>> | Answer<ResponseOf<M>>;

/** The handlers of some methods. */
export type HandlersOf<M extends MethodName> = { readonly [K in M]: Handler<K> };

/** The empty answer of methods that only do something. */
export const DONE: Answer<Record<string, never>> = { data: {} };

import type { MethodName } from '../protocol/methods.ts';
import type { HandlersOf } from './handler.ts';
import { mediaHandlers } from './media-handlers.ts';
import { roomHandlers } from './room-handlers.ts';
import { sessionHandlers } from './session-handlers.ts';

/** Who answers each method of watershed.v1; the compiler sees that none is missing. */
export const HANDLERS: HandlersOf<MethodName> = {
  ...sessionHandlers,
  ...mediaHandlers,
  ...roomHandlers,
};

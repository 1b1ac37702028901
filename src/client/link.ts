import type { MethodName, RequestOf, ResponseOf } from '../protocol/methods.ts';
import type { RequestOptions } from './signaling.ts';

/** The way to the node that media and room actions use; sockets change underneath it while a session lasts. */
export interface Link {
  /**
   * Rejects with a ClientError. While the session is being resumed a request waits for the new socket; one that
   * was already on its way when the socket was lost is repeated there, by its id, and is carried out once. Where
   * the session cannot be resumed, both fail with `connection_lost`.
   */
  request<M extends MethodName>(
    method: M,
    data: RequestOf<M>,
    options?: RequestOptions<M>,
  ): Promise<ResponseOf<M>>;
}

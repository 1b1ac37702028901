import { METHODS, type MethodName, type RequestOf, type ResponseOf } from '../../protocol/methods.ts';
import type { Link } from '../link.ts';

interface Parser<T> {
  parse(data: unknown): T;
}
const parsers: { readonly [M in MethodName]: { readonly response: Parser<ResponseOf<M>> } } = METHODS;

interface Asked {
  readonly method: MethodName;
  resolve(data: unknown): void;
  reject(error: Error): void;
}

/** A way to a node whose answers wait until a test gives them. */
export class FakeLink implements Link {
  /** Methods that were asked for, in order. */
  readonly asked: MethodName[] = [];
  readonly #waiting: Asked[] = [];

  async request<M extends MethodName>(method: M, _data: RequestOf<M>): Promise<ResponseOf<M>> {
    this.asked.push(method);
    const answer = await new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ method, resolve, reject });
    });
    return parsers[method].response.parse(answer);
  }

  /** Answers the oldest request of a method that has no answer yet. */
  answer(method: MethodName, data: object): void {
    this.#take(method).resolve(data);
  }

  fail(method: MethodName, error: Error): void {
    this.#take(method).reject(error);
  }

  #take(method: MethodName): Asked {
    const index = this.#waiting.findIndex((request) => request.method === method);
    const [request] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (request === undefined) throw new Error(`nobody waits for ${method}`);
    return request;
  }
}

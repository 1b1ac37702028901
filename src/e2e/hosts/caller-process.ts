import type { ChildProcess } from 'node:child_process';
import { answerSchema, type Order, type View } from './messages.ts';

type Answer = ReturnType<typeof answerSchema.parse>;
type Asked = Order extends infer O ? (O extends Order ? Omit<O, 'id'> : never) : never;

/** How long the process may take for an answer, in ms: for a join that walks down a list of hosts that are gone. */
const ANSWER_MS = 90_000;

/** The process that plays the people of one host, as a test sees it. */
export class Caller {
  readonly #child: ChildProcess;
  readonly #address: string;
  readonly #waiting = new Map<
    number,
    { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  >();
  #nextId = 1;

  constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.#address = address;
    child.on('message', (message) => {
      const answer = answerSchema.parse(message);
      this.#waiting.get(answer.id)?.resolve(answer);
    });
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the caller ended'));
    });
  }

  /** Joins by these front doors, and publishes a microphone unless `media` is null; how it came out. */
  async join(
    who: string,
    token: string,
    doors: string | readonly string[],
    { from = this.#address, media = from }: { from?: string; media?: string | null } = {},
  ): Promise<string> {
    return (await this.#ask({ do: 'join', who, token, doors: [doors].flat(), from, media })).outcome;
  }

  async chat(who: string, text: string): Promise<string> {
    return (await this.#ask({ do: 'chat', who, text })).outcome;
  }

  async admit(who: string, peerId: string): Promise<string> {
    return (await this.#ask({ do: 'admit', who, peerId })).outcome;
  }

  async leave(who: string): Promise<void> {
    await this.#ask({ do: 'leave', who });
  }

  async views(): Promise<readonly View[]> {
    return (await this.#ask({ do: 'views' })).views;
  }

  async view(who: string): Promise<View> {
    const view = (await this.views()).find((one) => one.who === who);
    if (view === undefined) throw new Error(`nobody is ${who}`);
    return view;
  }

  #ask(order: Asked): Promise<Answer> {
    const id = this.#nextId++;
    return new Promise<Answer>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no answer to ${order.do}`)), ANSWER_MS);
      this.#waiting.set(id, {
        resolve: (answer) => {
          clearTimeout(late);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(late);
          reject(error);
        },
      });
      this.#child.send({ ...order, id });
    }).finally(() => this.#waiting.delete(id));
  }
}

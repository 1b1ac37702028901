import type { WatershedClient } from '../../client/client.ts';
import type { Attempt } from '../../client/connector.ts';
import type { Problem } from '../../client/problem.ts';
import type { PageConfig } from '../page-config.ts';
import type { LocalMedia } from './devices/local-media.ts';
import { type CallView, createCallView } from './meeting/call-view.ts';
import type { Ending } from './screens/ending.ts';
import { createJoining } from './screens/joining.ts';
import type { Settings } from './settings.ts';
import { keepAwake } from './wake-lock.ts';

type TokenAnswer = { ok: true; token: string } | { ok: false; problem: Problem };

export interface CallSetup {
  readonly client: (refreshToken: () => Promise<string>) => WatershedClient;
  readonly config: PageConfig;
  readonly media: LocalMedia;
  readonly settings: Settings;
  readonly room: string;
  readonly name: string;
  readonly link: string | null;
  /** A join token, now; asked again when the one at hand expires. */
  readonly token: () => Promise<TokenAnswer>;
  readonly onScreen: (element: HTMLElement) => void;
  /** The end of it, once; `close` has been called by then. */
  readonly onEnd: (ending: Ending) => void;
}

export interface Call {
  run(): void;
  /** Leaves, and lets go of the devices. Idempotent. */
  close(): void;
}

/** One call from the press on "Join" to its end: the attempts, perhaps the waiting room, the meeting. */
export function startCall(setup: CallSetup): Call {
  const { media, config } = setup;
  const attempts: Attempt[] = [];
  let view: CallView | null = null;
  let over = false;
  let letSleep: (() => void) | undefined;

  const client = setup.client(async () => {
    const answer = await setup.token();
    if (!answer.ok) throw new Error(answer.problem.message);
    return answer.token;
  });
  const onPageHide = () => void client.leave();

  const close = () => {
    if (over) return;
    over = true;
    window.removeEventListener('pagehide', onPageHide);
    letSleep?.();
    view?.close();
    client.removeAll();
    void client.leave();
    media.close();
  };
  const end = (ending: Ending) => {
    if (over) return;
    close();
    setup.onEnd(ending);
  };
  const leave = () => end({ kind: 'left' });

  const joining = createJoining(setup.room, leave);
  const enter = () => {
    if (view !== null || over) return;
    view = createCallView({
      client,
      media,
      settings: setup.settings,
      attempts,
      link: setup.link,
      onLeave: leave,
    });
    letSleep = keepAwake();
    setup.onScreen(view.element);
  };

  const run = async () => {
    setup.onScreen(joining.element);
    joining.step('Preparing…');
    const answer = await setup.token();
    if (over) return;
    if (!answer.ok) {
      end({ kind: 'problem', problem: answer.problem, attempts });
      return;
    }
    joining.step('Asking where this call may be served…');
    const outcome = await client.connect({
      token: answer.token,
      frontDoors: config.frontDoors.length > 0 ? config.frontDoors : [window.location.origin],
      displayName: setup.name,
    });
    if (!outcome.ok) end({ kind: 'problem', problem: outcome.problem, attempts });
  };

  client.on('attempt', (attempt) => {
    attempts.push(attempt);
    joining.attempt(attempt);
    joining.step(attempt.outcome === 'admitted' ? 'Joining the meeting…' : 'Trying the next datacenter…');
  });
  client.on('status', (status) => {
    if (status === 'waiting') joining.waiting();
    if (status === 'joined') enter();
  });
  client.on('closed', (problem) => {
    end(problem === null ? { kind: 'left' } : { kind: 'problem', problem, attempts });
  });
  window.addEventListener('pagehide', onPageHide);

  return { run: () => void run(), close };
}

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { JoinToken } from './join-token.ts';
import { clientError } from './problem.ts';
import { cloudKeys } from './testing/cloud-keys.ts';
import { TokenRefresh } from './token-refresh.ts';

let old: string;
let fresh: string;
beforeEach(async () => {
  const { token } = await cloudKeys();
  // Run out in 3 s, which is too soon to start with.
  [old, fresh] = [await token({ exp: Math.floor(Date.now() / 1000) + 3 }), await token()];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A hook that fails so many times before it gives the fresh token. */
function failing(times: number): () => Promise<string> {
  let asked = 0;
  return async () => {
    asked += 1;
    if (asked <= times) throw new Error('the issuer is away');
    return fresh;
  };
}

function refreshOf(token: JoinToken, hand: (token: string) => Promise<void>) {
  const abort = new AbortController();
  const problems: string[] = [];
  const onProblem = ({ code }: { code: string }) => problems.push(code);
  return { refresh: new TokenRefresh(token, { hand, onProblem, signal: abort.signal }), problems, abort };
}

test('a resume waits 5 s for a hook that hangs, and has its token once it comes', async () => {
  let give = (_token: string): void => undefined;
  const asked = vi.fn(
    () =>
      new Promise<string>((resolve) => {
        give = resolve;
      }),
  );
  const token = new JoinToken(old, asked);
  const first = token.unseen();
  await vi.advanceTimersByTimeAsync(5000);
  expect(await first).toBe(old);
  const second = token.unseen();
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toHaveBeenCalledTimes(1);
  give(fresh);
  expect(await second).toBe(fresh);
});

test('a refresh that failed is tried again until the node has the token', async () => {
  const handed: string[] = [];
  const token = new JoinToken(old, failing(2));
  const { refresh, problems } = refreshOf(token, async (given) => {
    handed.push(given);
    if (handed.length === 1) throw clientError('connection_lost');
  });
  const done = refresh.begin();
  // Warned twice, as after a resume.
  const again = refresh.begin();
  await vi.advanceTimersByTimeAsync(60_000);
  await Promise.all([done, again]);
  expect(handed).toEqual([fresh, fresh]);
  expect(problems).toEqual(['connection_lost']);
  expect(await token.unseen()).toBeUndefined();
});

test('a token that the node does not take is told of, and not tried again', async () => {
  const hand = vi.fn(() => Promise.reject(clientError('token_unreadable')));
  const { refresh, problems } = refreshOf(new JoinToken(old, failing(0)), hand);
  await refresh.begin();
  expect(hand).toHaveBeenCalledTimes(1);
  expect(problems).toEqual(['token_unreadable']);
});

test('trying ends when the node has ended the session', async () => {
  const hook = vi.fn(failing(100));
  const { refresh } = refreshOf(new JoinToken(old, hook), async () => undefined);
  const done = refresh.begin();
  await vi.advanceTimersByTimeAsync(90_000);
  await done;
  expect(hook.mock.calls.length).toBeGreaterThan(5);
});

test('nothing is tried any more once the client has left', async () => {
  const hook = vi.fn(failing(100));
  const { refresh, abort } = refreshOf(new JoinToken(old, hook), async () => undefined);
  const done = refresh.begin();
  await vi.advanceTimersByTimeAsync(0);
  abort.abort();
  await done;
  expect(hook).toHaveBeenCalledTimes(1);
});

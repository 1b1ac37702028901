import { afterEach, describe, expect, test } from 'vitest';
import { createGate } from '../cluster/gate.ts';
import { FROM, locator, zoom2020 } from '../cluster/testing/door.ts';
import type { Admission } from '../cluster/types.ts';
import { directoryAnswerSchema } from '../protocol/directory.ts';
import { redirectSchema, refusalSchema } from '../protocol/events.ts';
import {
  converse,
  type HttpNode,
  type HttpNodeOptions,
  startHttpNode,
  type Upgraded,
  upgrade,
  upgradeBytes,
} from './testing/http-node.ts';

const nodes: HttpNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});
async function start(options: HttpNodeOptions = {}): Promise<HttpNode> {
  const node = await startHttpNode(options);
  nodes.push(node);
  return node;
}
const PROXIED = { trustedProxies: ['127.0.0.1'] };

/** What only an admitted session may ever read. */
const SECRETS =
  /ice|dtls|candidate|fingerprint|usernamefragment|ufrag|password|srtp|turn|rtpcapabilities|transportid|welcome/i;

describe('a participant of region us at a node of sha', () => {
  test('by header: refused before 101, with its list; the whole conversation holds no secret', async () => {
    const node = await start({ here: 'sha' });
    const token = await node.door.token({ region: 'us' });
    const text = await converse(node.port, upgradeBytes({ authorization: `Bearer ${token}` }));
    expect(text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(text).not.toMatch(/\b101\b|sec-websocket-accept/i);
    const { signature: _, ...list } = redirectSchema.parse(bodyOf(text)).list;
    expect(list.primaries.map((e) => e.datacenter)).toEqual(['sjc', 'iad']);
    expect(withoutSignature(text)).not.toMatch(SECRETS);
    expect(text).not.toContain(token);
    expect(node.accepted).toEqual([]);
  });

  test('as a browser: 101, one redirect, 4403; the whole conversation holds no secret', async () => {
    const node = await start({ here: 'sha' });
    const token = await node.door.token({ region: 'us' });
    const protocols = `watershed.v1, bearer.${token}`;
    const text = await converse(node.port, upgradeBytes({ 'sec-websocket-protocol': protocols }));
    const [head = '', frames = ''] = split(text);
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    expect(head).toMatch(/\r\nsec-websocket-protocol: watershed\.v1(\r\n|$)/i);
    expect(head).not.toContain('bearer');
    const [message, close, ...more] = parseFrames(frames);
    expect(more).toEqual([]);
    const notification = JSON.parse(message?.payload.toString('utf8') ?? '');
    expect(notification).toMatchObject({ type: 'notification', seq: 0, event: 'redirect' });
    expect(redirectSchema.parse(notification.data).list.primaries[0]?.datacenter).toBe('sjc');
    expect(close).toMatchObject({ opcode: 8 });
    expect(close?.payload.readUInt16BE(0)).toBe(4403);
    expect(withoutSignature(text)).not.toMatch(SECRETS);
    expect(text).not.toContain(token);
    expect(node.accepted).toEqual([]);
  });

  test.each([false, true])(
    'with sjc and iad down gets fra, ams or hkg, never sha or tsn (browser: %s)',
    async (browser) => {
      const node = await start({ here: 'sha' });
      await node.door.up(['fra', 'ams', 'hkg', 'sha', 'tsn']);
      const seen = new Set<string>();
      for (let i = 0; i < 40; i++) {
        const token = await node.door.token({ region: 'us' }, { jti: `session-${i}` });
        const { list } = redirectSchema.parse(await toldBy(await upgrade(node.port, { token, browser })));
        expect(list.primaries).toEqual([]);
        expect(list.secondaries).toHaveLength(2);
        for (const { datacenter } of list.secondaries) seen.add(datacenter);
      }
      expect([...seen].sort()).toEqual(['ams', 'fra', 'hkg']);
    },
  );
});

test('a refusal as well as a redirect: by status and body, or by one message and 4403', async () => {
  const node = await start({ here: 'sha' });
  await node.door.up(['sha', 'tsn']);
  const token = await node.door.token({ region: 'us' });
  const refused = await upgrade(node.port, { token });
  if (refused.kind !== 'refused') throw new Error(refused.kind);
  expect(refused.status).toBe(503);
  const expected = { code: 'no_datacenter_up', retry: true, rule: 'live', policy: node.door.policy?.digest };
  expect(refusalSchema.parse(refused.body)).toMatchObject({ ...expected, status: 503 });
  const browser = await upgrade(node.port, { token, browser: true });
  expect(refusalSchema.parse(await toldBy(browser, 'refused'))).toMatchObject(expected);
});

test('451 where the fences leave nothing for claim and network together', async () => {
  const policy = zoom2020((text) => text.replace('secondaries: [hkg, sjc] }', 'secondaries: [] }'));
  const node = await start({ here: 'sha', policy, options: PROXIED });
  const token = await node.door.token({ region: 'cn' });
  const outcome = await upgrade(node.port, { token, headers: { 'x-forwarded-for': FROM.us } });
  expect(outcome).toMatchObject({ kind: 'refused', status: 451, body: { code: 'address_refused' } });
});

test('who may be served here is, and is told nothing before it', async () => {
  const node = await start({ here: 'sjc' });
  const token = await node.door.token({ region: 'us' });
  for (const browser of [false, true]) {
    const outcome = await upgrade(node.port, { token, browser });
    if (outcome.kind !== 'open') throw new Error(JSON.stringify(outcome));
    expect(outcome.socket.protocol).toBe('watershed.v1');
    outcome.socket.terminate();
  }
  expect(node.accepted.map((a) => a.session.label.home)).toEqual(['us', 'us']);
});

describe('addresses', () => {
  test('X-Forwarded-For from a peer that is no trusted proxy does nothing', async () => {
    const node = await start({ here: 'sha' });
    const token = await node.door.token({ region: 'cn' });
    const outcome = await upgrade(node.port, { token, headers: { 'x-forwarded-for': FROM.us } });
    expect(outcome.kind).toBe('open');
    expect(node.accepted[0]?.session.address).toBe('127.0.0.1');
    expect(node.accepted[0]?.session.label.evidence).toEqual(['cn']);
    if (outcome.kind === 'open') outcome.socket.terminate();
  });

  test('from a trusted proxy its right-most word counts, and what the client wrote before it does not', async () => {
    const node = await start({ here: 'sha', options: PROXIED });
    const token = await node.door.token({ region: 'cn' });
    const forged = { 'x-forwarded-for': `${FROM.cn}, ${FROM.us}` };
    const verdict = redirectSchema.parse(await toldBy(await upgrade(node.port, { token, headers: forged })));
    expect(verdict.rule).toBe('admits');
    expect(node.accepted).toEqual([]);
    const honest = await upgrade(node.port, { token, headers: { 'x-forwarded-for': FROM.cn } });
    expect(honest.kind).toBe('open');
    if (honest.kind === 'open') honest.socket.terminate();
  });

  test('no other header, query or body names an address or a region', async () => {
    const node = await start({ here: 'sha', options: PROXIED });
    const token = await node.door.token({ region: 'us' });
    const headers = {
      'x-forwarded-for': FROM.us,
      'x-real-ip': FROM.cn,
      forwarded: `for=${FROM.cn}`,
      'cf-ipcountry': 'CN',
      'true-client-ip': FROM.cn,
    };
    const path = `/v1/signal?region=cn&address=${FROM.cn}&token=${await node.door.token({ region: 'cn' })}`;
    const outcome = await upgrade(node.port, { token, headers, path });
    expect(outcome).toMatchObject({ kind: 'refused', status: 403 });
    const response = await fetch(`http://127.0.0.1:${node.port}/v1/directory?region=cn`, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ region: 'cn', address: FROM.cn }),
    });
    const list = directoryAnswerSchema.parse(await response.json());
    expect(list.primaries.map((e) => e.datacenter)).toEqual(['sjc', 'iad']);
  });

  test('::ffff: is the IPv4 address it carries, in the socket and in the header', async () => {
    const node = await start({ here: 'sjc', options: { listen: ['::'], ...PROXIED } });
    const token = await node.door.token({ region: 'us' });
    const direct = await upgrade(node.port, { token });
    const proxied = await upgrade(node.port, { token, headers: { 'x-forwarded-for': `::ffff:${FROM.us}` } });
    expect(node.accepted.map((a) => a.session.address)).toEqual(['127.0.0.1', FROM.us]);
    for (const outcome of [direct, proxied]) if (outcome.kind === 'open') outcome.socket.terminate();
  });
});

describe('a resume', () => {
  const resumable = async (node: HttpNode, region: string, address: string) => {
    const verdict = await node.door.admission.decide({
      token: await node.door.token({ region }),
      address,
      step: 'upgrade',
    });
    if (verdict.kind !== 'admit') throw new Error(verdict.kind);
    node.resumable.set('r1.abc', verdict.session);
  };

  test('is judged with the new address, and comes back with the wider label', async () => {
    const node = await start({ here: 'sjc', options: PROXIED });
    await resumable(node, 'us', FROM.us);
    const outcome = await upgrade(node.port, { token: 'r1.abc', headers: { 'x-forwarded-for': FROM.de } });
    expect(outcome.kind).toBe('open');
    expect(node.resumed).toMatchObject([
      { token: 'r1.abc', session: { address: FROM.de, label: { evidence: ['eu', 'us'] } } },
    ]);
    if (outcome.kind === 'open') outcome.socket.terminate();
  });

  test.each([false, true])(
    'from outside the fence ends the session, and is redirected (browser: %s)',
    async (browser) => {
      const node = await start({ here: 'sha', options: PROXIED });
      await resumable(node, 'cn', FROM.cn);
      const headers = { 'x-forwarded-for': FROM.us };
      const outcome = await upgrade(node.port, { token: 'r1.abc', browser, headers });
      const { list } = redirectSchema.parse(await toldBy(outcome));
      expect([...list.primaries, ...list.secondaries].map((e) => e.datacenter).sort()).toEqual([
        'hkg',
        'sjc',
      ]);
      expect(node.resumed).toEqual([]);
      expect(node.forbidden).toMatchObject([{ token: 'r1.abc', verdict: { code: 'region_not_admitted' } }]);
    },
  );

  test('from outside the fence ends the session also where nobody can say where else to go', async () => {
    const node = await start({ here: 'sha', options: PROXIED });
    await resumable(node, 'cn', FROM.cn);
    await node.door.registry.close();
    const headers = { 'x-forwarded-for': FROM.us };
    expect(await upgrade(node.port, { token: 'r1.abc', headers })).toMatchObject({ status: 503 });
    expect(node.forbidden).toHaveLength(1);
  });

  test('while the node has no policy is refused, and the session waits', async () => {
    const node = await start({ here: 'sjc', options: PROXIED });
    await resumable(node, 'us', FROM.us);
    node.door.policy = null;
    const outcome = await upgrade(node.port, { token: 'r1.abc', headers: { 'x-forwarded-for': FROM.us } });
    expect(outcome).toMatchObject({ kind: 'refused', status: 503, body: { code: 'policy_missing' } });
    expect(node.forbidden).toEqual([]);
  });

  test('with a token that is unknown here: 401', async () => {
    const node = await start();
    const outcome = await upgrade(node.port, { token: 'r1.elsewhere' });
    expect(outcome).toMatchObject({ kind: 'refused', status: 401, body: { code: 'resume_invalid' } });
  });
});

describe('layers, one taken away at a time', () => {
  /** An admission with nothing behind it: everybody with a token may come in. */
  const open = (region: string): HttpNodeOptions => ({
    here: 'sha',
    admission: (door): Admission => ({
      ...door.admission,
      decide: async ({ address }) => ({
        kind: 'admit',
        session: {
          claims: {
            iss: 'accounts',
            jti: 'j'.repeat(8),
            iat: 0,
            exp: 1e10,
            cloud: 'commercial',
            room: 'r',
            role: 'participant',
            region,
          },
          label: { home: region, evidence: [region], regions: null },
          address,
        },
      }),
    }),
  });

  test('with the upgrade open, the second judgement at join still refuses', async () => {
    const node = await start(open('us'));
    const outcome = await upgrade(node.port, { token: 'anything' });
    expect(outcome.kind).toBe('open');
    const session = node.accepted[0]?.session;
    if (session === undefined) throw new Error('not accepted');
    const again = await node.door.admission.decideAgain(session, { step: 'join' });
    expect(again).toMatchObject({ kind: 'redirect', redirect: { rule: 'admits' } });
    if (outcome.kind === 'open') outcome.socket.terminate();
  });

  test('with upgrade and join open, the gate still refuses every act of media', async () => {
    const node = await start(open('us'));
    const outcome = await upgrade(node.port, { token: 'anything' });
    const label = node.accepted[0]?.session.label;
    const gate = createGate(
      { datacenter: 'sha', policy: () => node.door.policy, locator, decisions: { record: () => {} } },
      { roomId: 'r', label: () => label, onLabel: () => {} },
    );
    for (const act of [
      () => gate.assertTransport('p'),
      () => gate.assertProduce('p'),
      () => gate.assertConsume('p', 'q'),
      () => gate.assertAddress('p', FROM.cn),
    ]) {
      expect(act).toThrow();
    }
    if (outcome.kind === 'open') outcome.socket.terminate();
  });

  test('with the directory lying, the node still refuses', async () => {
    const node = await start({ here: 'sha' });
    // Whoever told the client of sha: it comes here all the same, and is sent away.
    const token = await node.door.token({ region: 'us' });
    expect(await upgrade(node.port, { token })).toMatchObject({ kind: 'refused', status: 403 });
  });
});

/** What a client that is not admitted is told: a body before 101, or one message and 4403 after it. */
async function toldBy(outcome: Upgraded, event = 'redirect'): Promise<unknown> {
  if (outcome.kind === 'refused') return outcome.body;
  expect(await outcome.closed).toBe(4403);
  expect(outcome.messages).toHaveLength(1);
  const notification = JSON.parse(outcome.messages[0] ?? '');
  expect(notification).toMatchObject({ type: 'notification', seq: 0, event });
  return notification.data;
}

function split(text: string): [string, string] {
  const at = text.indexOf('\r\n\r\n');
  return [text.slice(0, at), text.slice(at + 4)];
}

function bodyOf(text: string): unknown {
  return JSON.parse(split(text)[1]);
}

/** A JWS is made of letters that could spell anything. */
function withoutSignature(text: string): string {
  return text.replace(/"signature":"[^"]*"/, '');
}

/** Frames of a server (RFC 6455 section 5.2): unmasked, whole. */
function parseFrames(latin1: string): { opcode: number; payload: Buffer }[] {
  let bytes = Buffer.from(latin1, 'latin1');
  const frames: { opcode: number; payload: Buffer }[] = [];
  while (bytes.length > 1) {
    const short = bytes.readUInt8(1);
    const [length, head] =
      short < 126
        ? [short, 2]
        : short === 126
          ? [bytes.readUInt16BE(2), 4]
          : [Number(bytes.readBigUInt64BE(2)), 10];
    frames.push({ opcode: bytes.readUInt8(0) & 15, payload: bytes.subarray(head, head + length) });
    bytes = bytes.subarray(head + length);
  }
  return frames;
}

import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEnvironment, variables } from './environment.ts';
import { ConfigError } from './fault.ts';
import { parseNodeConfig } from './load.ts';

const SMALL = `mode: development
node: { datacenter: local }
policy: { file: policy.yaml }
http: { port: 1 }
tokens: { development: true }
`;

function parse(env: Record<string, string>, text = SMALL) {
  return parseNodeConfig(text, {
    file: '/etc/watershed/node.yaml',
    env,
    machine: { loopback: ['127.0.0.1'], cores: 2 },
  });
}

function faults(env: Record<string, string>): string[] {
  try {
    parse(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

it('goes before the file', () => {
  const config = parse({
    WATERSHED_HTTP_PORT: '4444',
    WATERSHED_HTTP_TRUSTED_PROXIES: '',
    WATERSHED_SIGNALING_FIRST_MESSAGE_SECONDS: '2.5',
    WATERSHED_SIGNALING_ORIGINS: 'https://a.example, https://b.example',
    WATERSHED_MEDIA_LISTEN: '[{ ip: 10.0.0.5, announced: 203.0.113.5 }]',
    WATERSHED_MEDIA_WORKERS: '3',
    WATERSHED_MEDIA_TCP: 'false',
    WATERSHED_MEDIA_LIMITS_CONSUMERS_PER_PEER: '7',
    WATERSHED_ROOMS_LAST_N: '9',
    WATERSHED_ROOMS_CHAT_PER_PEER_BURST: '4',
    WATERSHED_NODE_ID: '12345',
    WATERSHED_LOG_PRETTY: 'true',
    WATERSHED_HTTP_TLS_CERT: '/a.pem',
    WATERSHED_HTTP_TLS_KEY: '/b.pem',
  });
  expect(config.http).toMatchObject({
    port: 4444,
    trustedProxies: [],
    tls: { cert: '/a.pem', key: '/b.pem' },
  });
  expect(config.signaling).toMatchObject({
    firstMessageSeconds: 2.5,
    origins: ['https://a.example', 'https://b.example'],
  });
  expect(config.media).toMatchObject({
    listen: [{ ip: '10.0.0.5', announced: '203.0.113.5' }],
    workers: 3,
    tcp: false,
    limits: { consumersPerPeer: 7 },
  });
  expect(config.rooms).toMatchObject({ lastN: 9, chatPerPeer: { perSecond: 1, burst: 4 } });
  // A word stays a word, whatever YAML would make of it.
  expect(config.node.id).toBe('12345');
  expect(config.log.pretty).toBe(true);
});

it('has null, and the words that lists and numbers may be', () => {
  const config = parse(
    { WATERSHED_ROOMS_LAST_N: 'null', WATERSHED_MEDIA_WORKERS: 'auto', WATERSHED_MEDIA_LISTEN: 'localhost' },
    `${SMALL}rooms: { lastN: 3 }\nmedia: { workers: 1, listen: [{ ip: 10.0.0.5 }] }\n`,
  );
  expect(config.rooms.lastN).toBeNull();
  expect(config.media.workers).toBe(2);
  expect(config.media.listen).toEqual([{ ip: '127.0.0.1' }]);
});

it('has paths relative to the working directory', () => {
  const config = parse({ WATERSHED_POLICY_FILE: 'other.yaml', WATERSHED_GEO_DATABASE: 'geo.mmdb' });
  expect(config.policy.file).toBe(resolve('other.yaml'));
  expect(config.geo.database).toBe(resolve('geo.mmdb'));
});

describe('faults name the variable', () => {
  it.each<[string, Record<string, string>, string]>([
    [
      'misspelt',
      { WATERSHED_HTTP_POTR: '1' },
      'WATERSHED_HTTP_POTR: nothing reads this variable; did you mean "WATERSHED_HTTP_PORT"?',
    ],
    ['nothing like any', { WATERSHED_BANANA: '1' }, 'WATERSHED_BANANA: nothing reads this variable'],
    ['a section', { WATERSHED_HTTP: '{}' }, 'WATERSHED_HTTP: nothing reads this variable'],
    [
      'a wrong value',
      { WATERSHED_HTTP_PORT: 'many' },
      'WATERSHED_HTTP_PORT: http.port: expected number, received string',
    ],
    [
      'a wrong entry',
      { WATERSHED_HTTP_TRUSTED_PROXIES: '10.0.0.0/8,lan' },
      'WATERSHED_HTTP_TRUSTED_PROXIES: http.trustedProxies.1: must be a network such as 192.0.2.0/24 or 2001:db8::/32',
    ],
    ['no YAML', { WATERSHED_MEDIA_LISTEN: '[{' }, 'WATERSHED_MEDIA_LISTEN: not a YAML value'],
    [
      'a rule between keys',
      { WATERSHED_TOKENS_DEVELOPMENT: 'true', WATERSHED_HTTP_HOST: '0.0.0.0' },
      'WATERSHED_TOKENS_DEVELOPMENT: tokens.development: development tokens are for this machine alone: set it to false, or http.host to localhost',
    ],
  ])('%s', (_case, env, expected) => {
    expect(faults(env)).toEqual([expected]);
  });
});

it('leaves alone what is not the configuration\u2019s', () => {
  expect(
    readEnvironment({
      WATERSHED_CACHE_DIR: '/x',
      WATERSHED_WORKER_BIN: '/y',
      WATERSHED_CONFIG: '/z',
      HTTP_PORT: '1',
      PATH: '/bin',
    }),
  ).toEqual({ overrides: [], faults: [] });
});

it('has one variable for each key, and no two keys share one', () => {
  const paths = [...variables().values()].map((path) => path.join('.'));
  expect(new Set(paths).size).toBe(variables().size);
  expect(paths).toEqual(expect.arrayContaining(['mode', 'http.tls.cert', 'media.limits.keyFrameInterval']));
  expect(variables().get('WATERSHED_SIGNALING_FIRST_MESSAGE_SECONDS')).toEqual([
    'signaling',
    'firstMessageSeconds',
  ]);
});

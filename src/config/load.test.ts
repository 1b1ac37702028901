import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ConfigError } from './fault.ts';
import { loadNodeConfig, type Machine, parseNodeConfig } from './load.ts';
import { printConfig } from './print.ts';
import type { NodeConfig } from './schema.ts';

const MACHINE: Machine = { loopback: ['127.0.0.1', '::1'], cores: 4 };
const STANDALONE = fileURLToPath(new URL('../../config/node.yaml', import.meta.url));

function parse(text: string, env: Record<string, string> = {}): NodeConfig {
  return parseNodeConfig(text, { file: '/etc/watershed/node.yaml', env, machine: MACHINE });
}

/** Every fault as one line; the file's name is cut. */
function faults(text: string, env: Record<string, string> = {}): string[] {
  try {
    parse(text, env);
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.message.split('\n').map((line) => line.replace('/etc/watershed/node.yaml:', ''));
    }
    throw error;
  }
  return [];
}

const SMALL = `mode: development
node: { datacenter: local }
policy: { file: policy.yaml }
tokens: { development: true }
`;

const KEYS = [1, 2].map((n) => `ed25519:${Buffer.alloc(32, n).toString('base64url')}`);
const SIGNERS = `[{ name: ana, key: "${KEYS[0]}" }, { name: ben, key: "${KEYS[1]}", over: [constitution] }]`;
const PRODUCTION = `node: { datacenter: fra, cloud: commercial }
policy: { bundle: policy.bundle, stateDir: /var/lib/watershed, signers: ${SIGNERS} }
http: { publicUrl: "wss://fra.example.net" }
media: { listen: [{ ip: 10.0.0.5, announced: 203.0.113.5 }] }
tokens: { issuers: [{ issuer: "https://accounts.example.net", keyFile: keys/issuer.pem }] }
geo: { database: /var/lib/geo/country.mmdb }
`;
const CLUSTERED = `${PRODUCTION}cluster: { certificate: a, key: b, link: { host: 10.0.0.5, port: 4434 } }
directory: { keyFile: directory.pem }
`;

describe('what a node runs with', () => {
  it('has paths relative to the file, addresses of this machine, and as many workers as cores', () => {
    const config = parse(`${SMALL}http: { tls: { cert: a.pem, key: ../b.pem } }\n`);
    expect(config.policy.file).toBe('/etc/watershed/policy.yaml');
    expect(config.http.tls).toEqual({ cert: '/etc/watershed/a.pem', key: '/etc/b.pem' });
    expect(config.http.listen).toEqual(['127.0.0.1', '::1']);
    expect(config.media.listen).toEqual([{ ip: '127.0.0.1' }, { ip: '::1' }]);
    expect(config.media.workers).toBe(4);
  });

  it('listens on 127.0.0.1 alone where there is no ::1', () => {
    const config = parseNodeConfig(SMALL, {
      file: 'x',
      env: {},
      machine: { loopback: ['127.0.0.1'], cores: 1 },
    });
    expect(config.http.listen).toEqual(['127.0.0.1']);
    expect(config.media.listen).toEqual([{ ip: '127.0.0.1' }]);
  });

  it('has no pipes to other nodes, or one port range for them', () => {
    expect(parse(SMALL).cluster.pipes).toBeNull();
    expect(
      parse(`${SMALL}cluster: { pipes: { ip: 10.0.0.5, announced: 203.0.113.5 } }\n`).cluster.pipes,
    ).toEqual({ ip: '10.0.0.5', announced: '203.0.113.5', portMin: 40_000, portMax: 49_999 });
    const pipes = (text: string) => faults(`${SMALL}cluster: { pipes: { ${text} } }\n`).join();
    expect(pipes('ip: 0.0.0.0')).toContain('give the "announced" address');
    expect(pipes('ip: 10.0.0.5, announced: fra.example.net')).toContain('must be an IP address');
    expect(pipes('ip: 10.0.0.5, announced: "2001:db8::1"')).toContain('same address family');
    expect(pipes('ip: 10.0.0.5, portMin: 50000')).toContain('must not be above portMax');
    expect(pipes('ip: 10.0.0.5, portMin: 19000, portMax: 21000')).toContain('gives to clients');
  });

  it('is frozen, all of it', () => {
    const config = parse(SMALL);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.media.limits)).toBe(true);
    expect(Object.isFrozen(config.media.listen[0])).toBe(true);
  });

  it('takes an empty section for one that is not written', () => {
    expect(parse(`${SMALL}http:\nmedia:\n  limits:\n`)).toEqual(parse(SMALL));
  });

  it('may be for production', () => {
    const config = parse(PRODUCTION);
    expect(config.mode).toBe('production');
    expect(config.policy).toEqual({
      file: null,
      bundle: '/etc/watershed/policy.bundle',
      stateDir: '/var/lib/watershed',
      signers: [
        { name: 'ana', key: KEYS[0], over: ['constitution', 'document'] },
        { name: 'ben', key: KEYS[1], over: ['constitution'] },
      ],
    });
    expect(config.tokens.issuers).toEqual([
      { issuer: 'https://accounts.example.net', keyFile: '/etc/watershed/keys/issuer.pem' },
    ]);
    expect(config.geo.database).toBe('/var/lib/geo/country.mmdb');
    expect(config.media.basePort).toBe(20_000);
  });
});

describe('faults, each at its line and column', () => {
  it.each<[string, string, string[]]>([
    [
      'an unknown key',
      `${SMALL}htpp: {}\n`,
      ['5:1: the configuration has no key "htpp"; did you mean "http"?'],
    ],
    [
      'an unknown key further in',
      `${SMALL}media:\n  limits: { producersPerPear: 3 }\n`,
      ['6:13: media.limits has no key "producersPerPear"; did you mean "producersPerPeer"?'],
    ],
    [
      'an unknown key in a list',
      `${SMALL}media:\n  listen:\n    - ip: 127.0.0.1\n      anounced: x\n`,
      ['8:7: media.listen.0 has no key "anounced"; did you mean "announced"?'],
    ],
    ['a wrong type', `${SMALL}http: { port: "80" }\n`, ['5:15: http.port: expected number, received string']],
    [
      'a number out of range',
      `${SMALL}rooms: { lastN: 0 }\n`,
      ['5:17: rooms.lastN: Too small: expected number to be >=1'],
    ],
    [
      'no network',
      `${SMALL}http:\n  trustedProxies:\n    - 10.0.0.0/8\n    - lan\n`,
      ['8:7: http.trustedProxies.1: must be a network such as 192.0.2.0/24 or 2001:db8::/32'],
    ],
    [
      'a prefix that is too long',
      `${SMALL}geo: { private: [10.0.0.0/33] }\n`,
      ['5:18: geo.private.0: must be a network such as 192.0.2.0/24 or 2001:db8::/32'],
    ],
    [
      'an origin with a path',
      `${SMALL}signaling: { origins: ["https://a.example/"] }\n`,
      [
        '5:24: signaling.origins.0: must be "self", "cloud" or an exact origin such as https://meet.example.net, without a path',
      ],
    ],
    [
      'a bridge URL without TLS',
      `${SMALL}http: { publicUrl: "ws://a.example" }\n`,
      ['5:20: http.publicUrl: must be wss://host[:port] (ws: only to loopback), without a path'],
    ],
    ['a missing key of a section', `${SMALL}http: { tls: { cert: a } }\n`, ['5:14: http.tls.key is missing']],
    ['no YAML', 'mode: [development\nnode: {}\n', ['2:1: Flow sequence in block collection']],
    ['a key that stands twice', 'mode: development\nmode: production\n', ['2:1: Map keys must be unique']],
    ['an alias', 'mode: &m development\nnode: { datacenter: *m }\n', ['2:21: an alias: write the value out']],
    [
      'two documents',
      `${SMALL}---\n${SMALL}`,
      ['5:1: a second YAML document: one file holds one configuration'],
    ],
    ['a list', '- a\n', ['1:1: the configuration: expected object, received array']],
    ['nothing at all', '', ['1:1: node is missing', '1:1: policy is missing']],
  ])('%s', (_case, text, expected) => {
    const found = faults(text);
    for (const [index, line] of expected.entries()) expect(found[index]).toContain(line);
    expect(found).toHaveLength(expected.length);
  });

  it('all of them at once', () => {
    expect(faults('mode: prod\nnode: { datacentre: x }\nhttp: { port: -1 }\nfoo: 1\n')).toEqual([
      '1:7: mode: Invalid option: expected one of "development"|"production"',
      '2:7: node.datacenter is missing',
      '2:9: node has no key "datacentre"; did you mean "datacenter"?',
      '1:1: policy is missing',
      '3:15: http.port: Too small: expected number to be >=0',
      '4:1: the configuration has no key "foo"',
    ]);
  });

  it('a file that is not there', () => {
    expect(() => loadNodeConfig({ file: '/nowhere/node.yaml', env: {} })).toThrow(
      '/nowhere/node.yaml:1:1: cannot be read (ENOENT): put a configuration there, or name another by --config or WATERSHED_CONFIG',
    );
  });
});

describe('what must hold between keys', () => {
  it.each<[string, string, string]>([
    ['nobody could join', SMALL.replace('true', 'false'), '4:9: tokens.issuers: nobody could join'],
    ['development tokens for everyone', `${SMALL}http: { host: 0.0.0.0 }\n`, '4:24: tokens.development: '],
    [
      'development tokens behind a proxy',
      `${SMALL}http: { trustedProxies: [127.0.0.1] }\n`,
      '4:24: tokens.development: ',
    ],
    [
      'a proxy that is everyone',
      `${SMALL.replace('true', 'false, issuers: [{ issuer: a, keyFile: x }]')}http: { trustedProxies: [10.0.0.0/8, '::/0'] }\n`,
      '5:38: http.trustedProxies.1: is everyone',
    ],
    ['no transport for media', `${SMALL}media: { udp: false, tcp: false }\n`, '5:15: media.udp: '],
    [
      'an address that clients cannot send to',
      `${SMALL}media: { listen: [{ ip: 0.0.0.0 }] }\n`,
      '5:25: media.listen.0.ip: ',
    ],
    ['ports beyond the last', `${SMALL}media: { basePort: 65535, workers: 2 }\n`, '5:20: media.basePort: '],
    [
      'bitrates the wrong way round',
      `${SMALL}media: { limits: { maxOutgoingBitrate: 100000, initialOutgoingBitrate: 200000 } }\n`,
      '5:72: media.limits.initialOutgoingBitrate: ',
    ],
    [
      'an issuer that is listed twice',
      `${SMALL.replace('true', 'true, issuers: [{ issuer: a, keyFile: x }, { issuer: a, keyFile: y }]')}`,
      '4:67: tokens.issuers.1: "a" is listed twice',
    ],
  ])('%s', (_case, text, expected) => {
    expect(faults(text)).toEqual([expect.stringContaining(expected)]);
  });

  it.each<[string, (text: string) => string, string]>([
    ['issuers', (text) => text.replace(/issuers: \[.*\]/, ''), 'tokens.issuers: nobody could join'],
    [
      'a signed policy',
      (text) => text.replace(/^policy.*$/m, 'policy: { file: p }'),
      'policy.file: mode: production needs a signed policy',
    ],
    ['a database', (text) => text.replace(/^geo.*$/m, ''), 'geo.database: mode: production needs'],
    ['a public URL', (text) => text.replace(/^http.*$/m, ''), 'http.publicUrl: mode: production needs'],
    [
      'a public URL with TLS',
      (text) => text.replace('wss://fra.example.net', 'ws://localhost:4433'),
      'http.publicUrl: mode: production needs wss:',
    ],
    ['media addresses', (text) => text.replace(/^media.*$/m, ''), 'media.listen: mode: production needs'],
    ['fixed media ports', (text) => text.replace('listen:', 'basePort: 0, listen:'), 'media.basePort: mode:'],
    [
      'no development tokens',
      (text) => text.replace('issuers:', 'development: true, issuers:'),
      'must be false',
    ],
    [
      'origins with TLS',
      (text) => `${text}signaling: { origins: ["http://a.example"] }\n`,
      'signaling.origins.0: mode: production needs https:',
    ],
  ])('production needs %s', (_case, change, expected) => {
    expect(faults(change(PRODUCTION))).toEqual([expect.stringContaining(expected)]);
  });

  it('production needs one key for the lists of all nodes', () => {
    expect(parse(CLUSTERED).directory.keyFile).toBe('/etc/watershed/directory.pem');
    expect(faults(CLUSTERED.replace(/^directory.*$/m, ''))).toEqual([
      expect.stringContaining('directory.keyFile: mode: production needs the key by which all nodes'),
    ]);
  });

  it('production is what a file without a mode gets', () => {
    expect(faults('node: { datacenter: fra }\npolicy: { file: p }\n')).toHaveLength(5);
  });
});

describe('bundles', () => {
  const NODE = 'mode: development\ntokens: { development: true }\nnode: { datacenter: fra, cloud: c }\n';
  it.each<[string, string, string[]]>([
    ['nothing', '', ['4:9: policy: name a file, or a bundle and its signers']],
    [
      'a file beside them',
      `file: p, bundle: b, stateDir: s, signers: ${SIGNERS}`,
      ['4:17: policy.file: a file that nobody signed'],
    ],
    [
      'no signers',
      'bundle: b, stateDir: s',
      ['4:9: policy.signers: no bundle could be good: list 2 signers'],
    ],
    [
      'one signer over the constitution',
      `stateDir: s, signers: [{ name: a, key: "${KEYS[0]}" }, { name: b, key: "${KEYS[1]}", over: [document] }]`,
      ['4:33: policy.signers: no bundle could be good'],
    ],
    [
      'nobody over the document',
      `stateDir: s, signers: [{ name: a, key: "${KEYS[0]}", over: [constitution] }, { name: b, key: "${KEYS[1]}", over: [constitution] }]`,
      ['4:33: policy.signers: no bundle could be good'],
    ],
    [
      'a signer twice',
      `stateDir: s, signers: [{ name: a, key: "${KEYS[0]}" }, { name: a, key: "${KEYS[0]}" }]`,
      ['policy.signers.1.name: "a" is listed twice', `policy.signers.1.key: "${KEYS[0]}" is listed twice`],
    ],
    [
      'a key that is none',
      `stateDir: s, signers: [{ name: a, key: "${KEYS[0]?.slice(0, -1)}" }]`,
      ['policy.signers.0.key: must be ed25519:<43 characters>'],
    ],
    [
      'nowhere to keep versions',
      `bundle: b, signers: ${SIGNERS}`,
      ['4:9: policy.stateDir: a node that takes'],
    ],
  ])('%s', (_case, policy, expected) => {
    const found = faults(`${NODE}policy: { ${policy} }\n`);
    for (const [index, line] of expected.entries()) expect(found[index]).toContain(line);
    expect(found).toHaveLength(expected.length);
  });

  it('need the cloud, and can come from other nodes alone', () => {
    const policy = `policy: { stateDir: s, signers: ${SIGNERS} }\n`;
    expect(parse(`${NODE}${policy}`).policy).toMatchObject({ bundle: null, stateDir: '/etc/watershed/s' });
    expect(faults(`${NODE.replace(', cloud: c', '')}${policy}`)).toEqual([
      expect.stringContaining('3:7: node.cloud: a node that takes bundles knows its cloud'),
    ]);
  });
});

describe('config/node.yaml', () => {
  it('is the standalone node: this machine only, development keys', () => {
    const config = loadNodeConfig({ file: STANDALONE, env: {}, machine: MACHINE });
    expect(config).toMatchObject({
      mode: 'development',
      node: { id: null, datacenter: 'local' },
      policy: { file: join(dirname(STANDALONE), 'policy.yaml') },
      http: { host: 'localhost', port: 4433, listen: ['127.0.0.1', '::1'], tls: null },
      tokens: { development: true, issuers: [] },
    });
  });

  it('documents the defaults: the same as saying nothing, apart from what makes it standalone', () => {
    const documented = loadNodeConfig({ file: STANDALONE, env: {}, machine: MACHINE });
    const defaults = parseNodeConfig(
      'mode: development\nnode: { datacenter: local }\npolicy: { file: policy.yaml }\ntokens: { development: true }\nmedia: { basePort: 0 }\n',
      { file: STANDALONE, env: {}, machine: MACHINE },
    );
    expect(documented).toEqual(defaults);
  });

  it('says what every key is for', () => {
    const text = readFileSync(STANDALONE, 'utf8');
    const keys = [...text.matchAll(/^ *(\w+):/gm)].map(([, key]) => key);
    for (const [section, value] of Object.entries(loadNodeConfig({ file: STANDALONE, env: {} }))) {
      expect(keys).toContain(section);
      if (typeof value === 'object') {
        const written = Object.keys(value).filter((key) => !(section === 'http' && key === 'listen'));
        expect(keys).toEqual(expect.arrayContaining(written));
      }
    }
  });
});

describe('printConfig', () => {
  it('gives back what would be parsed to the same', () => {
    const printed = printConfig(parse(SMALL)).replace(/ {2}listen:\n(?: {4}- [^{\n]*\n)+(?=\S)/, '');
    expect(parse(printed)).toEqual(parse(SMALL));
  });

  it('has no credentials of URLs', () => {
    const config = parse(SMALL);
    const leaky = { ...config, policy: { ...config.policy, file: 'redis://user:hunter2@db.example:6379/0' } };
    expect(printConfig(leaky)).not.toContain('hunter2');
    expect(printConfig(leaky)).toContain('redis://***@db.example:6379/0');
  });
});

describe('a node of a cluster', () => {
  const REDIS = `${SMALL}cluster: { certificate: node.crt, key: node.key }\n`;
  const registry = (text: string) => faults(`${REDIS}registry: ${text}\n`);

  it('has its certificate and key beside its configuration', () => {
    const { cluster, registry } = parse(
      `${REDIS}registry: { kind: redis, url: "redis://10.0.0.9", passwordFile: redis.pass, tls: { ca: ca.pem } }\n`,
    );
    expect(cluster).toMatchObject({ certificate: '/etc/watershed/node.crt', key: '/etc/watershed/node.key' });
    expect(registry).toMatchObject({
      passwordFile: '/etc/watershed/redis.pass',
      tls: { ca: '/etc/watershed/ca.pem', cert: null, key: null },
    });
  });

  it('names both halves of its identity, and has one where it shares a registry', () => {
    expect(faults(`${SMALL}cluster: { certificate: node.crt }\n`)[0]).toContain(
      'certificate and key go together',
    );
    expect(faults(`${SMALL}registry: { kind: redis, url: "redis://10.0.0.9" }\n`)[0]).toContain(
      'make a certificate with `watershed node enrol`',
    );
  });

  it('says where its Redis is, once, and as one of the three', () => {
    expect(registry('{ kind: redis, url: "redis://redis.example.net:7000" }')).toEqual([]);
    expect(registry('{ kind: redis, sentinels: [a:26379, "[::1]:26379"], name: main }')).toEqual([]);
    expect(registry('{ kind: redis, nodes: [a:7000, b:7001] }')).toEqual([]);
    for (const [text, wrong] of [
      ['{ kind: redis }', 'give one of'],
      ['{ kind: redis, url: "redis://a", nodes: [a:1] }', 'give one of'],
      ['{ kind: redis, sentinels: [a:26379] }', 'by a name'],
      ['{ kind: redis, nodes: [a] }', 'must be HOST:PORT'],
      ['{ kind: redis, url: "redis://me:secret@a" }', 'must be redis://HOST'],
      ['{ kind: redis, url: "rediss://a" }', 'must be redis://HOST'],
      ['{ kind: redis, url: "redis://a", tls: { cert: c.pem } }', 'cert and key go together'],
      ['{ url: "redis://a" }', 'set it to redis'],
    ] as const) {
      expect(registry(text).join('\n'), text).toContain(wrong);
    }
  });
});

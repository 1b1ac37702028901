import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseNodeConfig, thisMachine } from '../config/load.ts';
import { openToAll } from './secret-files.ts';

it('names each secret that every user of the machine can read', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'watershed-secrets-'));
  try {
    const text = `mode: development
node: { datacenter: local }
policy: { file: policy.yaml }
tokens: { development: true }
cluster: { certificate: node.crt, key: node.key }
directory: { keyFile: directory.pem }
http: { tls: { cert: tls.crt, key: tls.key } }
registry: { kind: redis, sentinels: ["a:1"], name: x, passwordFile: password, sentinelPasswordFile: password-2, tls: { cert: redis.crt, key: redis.key } }
`;
    const config = parseNodeConfig(text, { file: join(dir, 'node.yaml'), env: {}, machine: thisMachine() });
    expect(await openToAll(config)).toEqual([]);
    const secrets = {
      'cluster.key': 'node.key',
      'directory.keyFile': 'directory.pem',
      'http.tls.key': 'tls.key',
      'registry.passwordFile': 'password',
      'registry.sentinelPasswordFile': 'password-2',
      'registry.tls.key': 'redis.key',
    };
    for (const file of Object.values(secrets)) writeFileSync(join(dir, file), 'x', { mode: 0o640 });
    expect(await openToAll(config)).toEqual([]);
    for (const [key, file] of Object.entries(secrets)) {
      chmodSync(join(dir, file), 0o644);
      expect(await openToAll(config)).toEqual([key]);
      chmodSync(join(dir, file), 0o600);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

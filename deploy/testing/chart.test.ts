import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { parseNodeConfig, thisMachine } from '../../src/config/load.ts';
import { manifestFaults } from './manifest-types.ts';
import { render } from './render.ts';

const read = (name: string) => readFileSync(new URL(`../chart/${name}`, import.meta.url), 'utf8');
const DEFAULTS = z.record(z.string(), z.unknown()).parse(parse(read('values.yaml')));

const probe = z.object({
  httpGet: z.object({ path: z.string(), scheme: z.literal('HTTPS'), port: z.int() }),
  periodSeconds: z.int(),
  failureThreshold: z.int(),
});
const statefulSet = z.object({
  spec: z.object({
    replicas: z.int(),
    template: z.object({
      spec: z.object({
        hostNetwork: z.literal(true),
        terminationGracePeriodSeconds: z.int(),
        containers: z.tuple([
          z.object({
            image: z.string(),
            env: z.array(z.object({ name: z.string(), value: z.string().optional() })),
            startupProbe: probe,
            livenessProbe: probe,
            readinessProbe: probe,
            lifecycle: z.object({ preStop: z.object({ exec: z.object({ command: z.array(z.string()) }) }) }),
            volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
            securityContext: z.object({ readOnlyRootFilesystem: z.literal(true) }),
          }),
        ]),
        volumes: z.array(z.object({ name: z.string() })),
      }),
    }),
    volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) })),
  }),
});

function chart(values: Record<string, unknown> = {}) {
  const context = { Values: { ...DEFAULTS, ...values }, Release: { Name: 'sjc' } };
  const documents = ['templates/config.yaml', 'templates/nodes.yaml'].flatMap((name) =>
    parseAllDocuments(render(read(name), context)).map((document) => {
      expect(document.errors).toEqual([]);
      return z.looseObject({ apiVersion: z.string(), kind: z.string() }).parse(document.toJS());
    }),
  );
  const of = (kind: string) => documents.find((document) => document.kind === kind);
  const pods = statefulSet.parse(of('StatefulSet')).spec;
  const { data } = z.object({ data: z.object({ 'node.yaml': z.string() }) }).parse(of('ConfigMap'));
  return { documents, of, pods, pod: pods.template.spec, config: data['node.yaml'] };
}

const SIGNERS = [
  { name: 'ana', key: 'ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
  { name: 'ben', key: 'ed25519:PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw' },
];
const ISSUERS = [
  { issuer: 'https://accounts.example.net', keyFile: '/etc/watershed/secrets/issuer.pub.pem' },
];

describe('the chart', () => {
  it('makes what Kubernetes describes: no key too many, none too few, each value of its type', () => {
    const plain = chart().documents;
    const full = chart({
      signers: SIGNERS,
      issuers: ISSUERS,
      drain: { seconds: 45, whenEmpty: true, emptySeconds: 600 },
      state: { size: '1Gi', storageClassName: 'fast' },
    }).documents;
    expect(plain.map(({ kind }) => kind)).toContain('StatefulSet');
    expect(manifestFaults([...plain, ...full])).toEqual([]);
    const [spoilt] = plain.filter(({ kind }) => kind === 'PodDisruptionBudget');
    if (spoilt === undefined) throw new Error('no budget');
    expect(manifestFaults([{ ...spoilt, spec: { maxUnavailabel: 1 } }])).toEqual([
      expect.stringContaining('maxUnavailabel'),
    ]);
  });

  it('gives nodes a configuration that they take, with the variables of its pods', () => {
    const { config, pod } = chart({
      signers: SIGNERS,
      issuers: ISSUERS,
      config: { rooms: { peersPerRoom: 50 }, log: { level: 'warn' } },
    });
    const env = Object.fromEntries(
      pod.containers[0].env.flatMap(({ name, value }) =>
        value === undefined
          ? []
          : [[name, value.replaceAll('$(POD_NAME)', 'sjc-0').replaceAll('$(HOST_IP)', '192.0.2.7')]],
      ),
    );
    const file = '/etc/watershed/node/node.yaml';
    const parsed = parseNodeConfig(config, { file, env, machine: thisMachine() });
    expect(parsed).toMatchObject({
      mode: 'production',
      node: { id: 'sjc-0', datacenter: 'sjc', cloud: 'commercial' },
      http: { publicUrl: 'wss://sjc-0.sjc.example.net:4433' },
      media: { listen: [{ ip: '192.0.2.7' }] },
      rooms: { peersPerRoom: 50 },
      cluster: { link: { announced: 'sjc-0.sjc.example.net:4434' }, pipes: { ip: '192.0.2.7' } },
      registry: { kind: 'redis' },
      drain: { socket: '/run/watershed/control.sock' },
    });
    const paths = pod.containers[0].volumeMounts.map(({ mountPath }) => `${mountPath}/`);
    const files = [parsed.policy.bundle, parsed.http.tls?.key, parsed.directory.keyFile, parsed.geo.database];
    for (const used of [
      ...files,
      parsed.policy.stateDir,
      parsed.drain.socket,
      parsed.cluster.key,
      env.WATERSHED_CONFIG,
    ]) {
      expect(paths.some((path) => used?.startsWith(path))).toBe(true);
    }
  });

  it('mounts what it declares', () => {
    const { pods, pod } = chart();
    const declared = [...pod.volumes, ...pods.volumeClaimTemplates.map(({ metadata }) => metadata)];
    const mounted = pod.containers[0].volumeMounts.map(({ name }) => name);
    expect(mounted.sort()).toEqual(declared.map(({ name }) => name).sort());
  });

  it('gives a node the time to drain that its configuration says, and asks it to', () => {
    const plain = chart({ drain: { seconds: 45, whenEmpty: false, emptySeconds: 600 } });
    expect(plain.pod.terminationGracePeriodSeconds).toBe(75);
    expect(plain.pod.containers[0].lifecycle.preStop.exec.command.at(-1)).toBe('/run/watershed/control.sock');
    const patient = chart({ drain: { seconds: 45, whenEmpty: true, emptySeconds: 600 } });
    expect(patient.pod.terminationGracePeriodSeconds).toBe(675);
    expect(patient.pod.containers[0].lifecycle.preStop.exec.command.at(-1)).toBe('--when-empty');
  });

  it('restarts nothing because a registry is away: only readiness asks what a node lacks', () => {
    const { startupProbe, livenessProbe, readinessProbe } = chart().pod.containers[0];
    expect(startupProbe.httpGet.path).toBe('/healthz');
    expect(livenessProbe.httpGet.path).toBe('/healthz');
    expect(livenessProbe.periodSeconds * livenessProbe.failureThreshold).toBeGreaterThanOrEqual(60);
    expect(readinessProbe.httpGet.path).toBe('/readyz');
    expect(chart().of('PodDisruptionBudget')).toMatchObject({ spec: { maxUnavailable: 1 } });
  });
});

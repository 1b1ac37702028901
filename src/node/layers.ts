import { type AdmissionDeps, createAdmission } from '../cluster/admission.ts';
import type { Admission } from '../cluster/types.ts';
import type { NodeConfig } from '../config/schema.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import type { NodePolicy } from './policy-port.ts';

/**
 * The layers that stand, one behind the other, between a participant and a datacenter that may not have them: the
 * lists that clients are told, the door and the join, each leg of media, and what nodes tell and send each other
 * (with the room's own rule).
 */
export const LAYERS = ['directory', 'admission', 'media', 'links'] as const;
export type Layer = (typeof LAYERS)[number];

/**
 * Layers that decide by a policy of their own, as if their check were off: what the others hold shows then. For
 * tests, and the directory's for replays: no configuration, argument or variable leads here.
 */
export type LayersOff = Partial<Readonly<Record<Layer, CompiledPolicy>>>;

/** What a layer decides by: the policy that runs, and the one by which anything new may begin. */
export type Ruler = Pick<NodePolicy, 'running' | 'current'>;

/** Throws in production: there all layers decide by the node's policy. */
export function rulers(
  policy: NodePolicy,
  off: LayersOff,
  mode: NodeConfig['mode'],
): Readonly<Record<Layer, Ruler>> {
  if (mode === 'production' && Object.keys(off).length > 0) {
    throw new Error('a layer of isolation is never taken off in production');
  }
  const of = (layer: Layer): Ruler => {
    const instead = off[layer];
    return instead === undefined ? policy : { running: () => instead, current: () => instead };
  };
  return { directory: of('directory'), admission: of('admission'), media: of('media'), links: of('links') };
}

/** Admission in which the directory, the door and the media gate each decide by the ruler of their own layer. */
export function admissionBy(
  by: Readonly<Record<Layer, Ruler>>,
  deps: Omit<AdmissionDeps, 'policy'>,
): Admission {
  const layer = (name: Layer): Admission => createAdmission({ ...deps, policy: () => by[name].running() });
  return { ...layer('admission'), directory: layer('directory').directory, gate: layer('media').gate };
}

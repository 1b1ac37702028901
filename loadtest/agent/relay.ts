import { randomFrom } from '../measure/random.ts';
import { type Impairment, Link } from './link.ts';

/**
 * Lines of participants on this machine that can be told to do harm, for machines whose kernel has no netem. The
 * seed decides which datagrams are harmed.
 */
export class Relay {
  readonly #random: () => number;
  readonly #links = new Set<Link>();
  /** By home region; null: of everybody who has none of their own. */
  readonly #impairments = new Map<string | null, Impairment>();

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  /** A line for one participant, of this home region. Whoever asked for it closes it. */
  link(region: string | null = null): Link {
    const link: Link = new Link({
      random: this.#random,
      impairment: () => this.#impairments.get(region) ?? this.#impairments.get(null) ?? null,
      onClosed: () => this.#links.delete(link),
    });
    this.#links.add(link);
    return link;
  }

  /** Of everybody's lines, or of those of one home region; null ends what was said of the same before. */
  impair(impairment: Impairment | null, region: string | null = null): void {
    if (impairment === null) this.#impairments.delete(region);
    else this.#impairments.set(region, impairment);
  }

  close(): void {
    for (const link of [...this.#links]) link.close();
  }
}

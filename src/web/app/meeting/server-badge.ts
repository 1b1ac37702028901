import type { Attempt } from '../../../client/connector.ts';
import { attemptLine } from '../screens/attempts.ts';
import { shortDigest } from '../screens/digest.ts';
import { el, replaceChildren, setText } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';
import type { ConnectionStats } from './stats.ts';

/** Who serves this session, by which policy. */
export interface Serving {
  readonly nodeId: string;
  readonly datacenter: string;
  readonly region: string;
  readonly policy: string;
}

export interface ServerBadge {
  readonly element: HTMLElement;
  /** `serving` is null while nobody serves: then the last who did stands there, and that it is over is told. */
  update(serving: Serving | null, attempts: readonly Attempt[], connected: boolean): void;
  close(): void;
}

/** Datacenter, region and policy, always in sight; a click shows how it was found and how well it goes. */
export function createServerBadge(readStats: () => Promise<ConnectionStats | null>): ServerBadge {
  const datacenter = el('strong', { testid: 'serving-datacenter' });
  const region = el('span', { testid: 'serving-region' });
  const separator = el('span', { class: 'separator', attrs: { 'aria-hidden': true } }, '·');
  const policy = el('code', { class: 'badge-policy', testid: 'serving-policy' });
  const dot = el('i', { class: 'dot', attrs: { 'aria-hidden': true } });
  const node = el('dd', { class: 'mono' });
  const digest = el('dd', { class: 'mono digest' });
  const roundTrip = el('dd', { testid: 'stat-round-trip' });
  const down = el('dd', { testid: 'stat-down' });
  const up = el('dd', { testid: 'stat-up' });
  const loss = el('dd', { testid: 'stat-loss' });
  const codecs = el('dd', { testid: 'stat-codecs' });
  const path = el('dd', { testid: 'stat-path' });
  const where = el('h2');
  const list = el('ol', { class: 'attempts' });

  const popover = el(
    'div',
    {
      class: 'popover server-popover',
      testid: 'server-details',
      attrs: {
        id: 'server-details',
        hidden: true,
        role: 'dialog',
        'aria-label': 'Where your media is processed',
      },
    },
    where,
    el(
      'p',
      { class: 'hint' },
      'This datacenter serves you. It is one of those that the policy admits for your region.',
    ),
    el(
      'dl',
      { class: 'facts' },
      el('dt', {}, 'Node'),
      node,
      el('dt', {}, 'Policy'),
      digest,
      el('dt', {}, 'Path'),
      path,
      el('dt', {}, 'Round trip'),
      roundTrip,
      el('dt', {}, 'Receiving'),
      down,
      el('dt', {}, 'Sending'),
      up,
      el('dt', {}, 'Packet loss'),
      loss,
      el('dt', {}, 'Codecs'),
      codecs,
    ),
    el('h3', {}, 'How it was found'),
    list,
  );
  const button = el(
    'button',
    {
      class: 'server-badge',
      testid: 'server-badge',
      attrs: { type: 'button', 'aria-expanded': 'false', 'aria-controls': 'server-details' },
      on: { click: () => toggle(popover.hidden) },
    },
    dot,
    datacenter,
    separator,
    region,
    el('span', { class: 'separator badge-policy', attrs: { 'aria-hidden': true } }, '·'),
    policy,
    icon('down', 'icon chevron'),
  );
  const element = el('div', { class: 'server' }, button, popover);

  let timer: number | undefined;
  const refresh = async () => {
    const stats = await readStats().catch(() => null);
    setText(roundTrip, stats?.roundTrip == null ? '–' : `${Math.round(stats.roundTrip)} ms`);
    setText(down, stats?.receiving == null ? '–' : rate(stats.receiving));
    setText(up, stats === null ? '–' : rate(stats.sending));
    setText(loss, stats?.lossPercent == null ? '–' : `${stats.lossPercent.toFixed(1)} %`);
    setText(codecs, stats === null || stats.codecs.length === 0 ? '–' : stats.codecs.join(', '));
    setText(path, stats?.path ?? '–');
  };
  const toggle = (open: boolean) => {
    popover.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    window.clearInterval(timer);
    if (!open) return;
    void refresh();
    timer = window.setInterval(() => void refresh(), 1500);
  };
  const onPress = (event: Event) => {
    if (popover.hidden) return;
    if (event instanceof KeyboardEvent && event.key === 'Escape') {
      toggle(false);
      button.focus();
    } else if (
      event instanceof PointerEvent &&
      event.target instanceof Node &&
      !element.contains(event.target)
    ) {
      toggle(false);
    }
  };
  document.addEventListener('keydown', onPress);
  document.addEventListener('pointerdown', onPress);

  let last: Serving | null = null;
  const show = (serving: Serving, connected: boolean): void => {
    setText(datacenter, serving.datacenter);
    setText(region, serving.region);
    // A region that is called like its only datacenter is told by the same word.
    region.hidden = serving.region === serving.datacenter;
    separator.hidden = region.hidden;
    setText(policy, shortDigest(serving.policy));
    setText(where, `${serving.datacenter}, region ${serving.region}`);
    setText(node, serving.nodeId);
    setText(digest, serving.policy || 'none');
    button.setAttribute(
      'aria-label',
      `${connected ? 'Served' : 'Not connected, last served'} by datacenter ${serving.datacenter}, region ${serving.region}, policy ${shortDigest(serving.policy)}`,
    );
  };

  return {
    element,
    update(serving, attempts, connected) {
      last = serving ?? last;
      if (last !== null) show(last, connected);
      dot.classList.toggle('away', !connected);
      if (list.childElementCount !== attempts.length) replaceChildren(list, ...attempts.map(attemptLine));
    },
    close() {
      window.clearInterval(timer);
      document.removeEventListener('keydown', onPress);
      document.removeEventListener('pointerdown', onPress);
    },
  };
}

function rate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1_000_000) return `${(bitsPerSecond / 1_000_000).toFixed(1)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

import type { Settings } from '../settings.ts';

/** Single keys, as in other meeting programs; shown in tooltips and in the device dialog. */
export const SHORTCUTS = [
  { key: 'm', action: 'microphone', label: 'Mute or unmute' },
  { key: 'v', action: 'camera', label: 'Camera on or off' },
  { key: 's', action: 'screen', label: 'Share the screen' },
  { key: 'c', action: 'chat', label: 'Chat' },
  { key: 'p', action: 'people', label: 'People' },
  { key: 'd', action: 'settings', label: 'Devices' },
] as const;

export type ShortcutAction = (typeof SHORTCUTS)[number]['action'];

/**
 * Listens until the returned function is called. Keys that are typed into something, or with a modifier, are not meant;
 * none is where the person has switched them off.
 */
export function listenShortcuts(settings: Settings, run: (action: ShortcutAction) => void): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (settings.get('shortcuts') === 'off') return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return;
    const found = SHORTCUTS.find(({ key }) => key === event.key.toLowerCase());
    if (found === undefined) return;
    event.preventDefault();
    run(found.action);
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLElement && target.isContentEditable)
  );
}

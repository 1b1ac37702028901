// What set-up tells people while they wait: a bar that redraws itself on a terminal, else a line now and then.

const BAR_WIDTH = 30;

/** One line on stderr; stdout belongs to what runs after set-up. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** `1.2 s`, or `3 min 5 s`. */
export function duration(ms) {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/**
 * Shows how far one long step is. Nothing is shown for a step that ends before `quietMs`.
 * @param {string} label
 * @param {{ stream?: { isTTY?: boolean, write(text: string): unknown }, quietMs?: number }} [options]
 */
export function createMeter(label, options = {}) {
  const stream = options.stream ?? process.stderr;
  const quietMs = options.quietMs ?? 1000;
  const begun = performance.now();
  let told = -1;
  let drawn = false;
  let note = '';

  return {
    /** @param {number | undefined} percent unknown for a step that cannot tell @param {string} [now] what is being done */
    update(percent, now = '') {
      if (performance.now() - begun < quietMs) return;
      if (stream.isTTY) {
        const filled = Math.round(((percent ?? 0) / 100) * BAR_WIDTH);
        const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`;
        const share = percent === undefined ? '' : ` ${bar} ${percent} %`;
        stream.write(`\r\x1b[K${label}${share}${now === '' ? '' : ` ${now}`}`);
        drawn = true;
      } else if (percent === undefined ? now !== note || told < 0 : Math.floor(percent / 10) > told) {
        stream.write(
          `${label}${percent === undefined ? '' : ` ${percent} %`}${now === '' ? '' : ` ${now}`}\n`,
        );
        told = percent === undefined ? Math.max(told, 0) : Math.floor(percent / 10);
        note = now;
      }
    },
    /** Ends the step; what it was and how long it took stay on the screen if anything was shown. */
    done() {
      if (drawn) stream.write('\r\x1b[K');
      if (drawn || told >= 0) stream.write(`${label}: ${duration(performance.now() - begun)}\n`);
    },
    /** Ends the step without a word, because an error follows. */
    stop() {
      if (drawn) stream.write('\r\x1b[K');
    },
  };
}

import { readFileSync } from 'node:fs';

/** How many cores of this machine are busy, whoever it is that uses them. */
export class BusyCores {
  #last = times();

  /** Since the call before; null where the kernel does not say. */
  sample(): number | null {
    const [before, now] = [this.#last, times()];
    this.#last = now;
    if (before === null || now === null || now.all <= before.all) return null;
    return ((now.busy - before.busy) / (now.all - before.all)) * now.cores;
  }
}

/** Of /proc/stat (proc(5)), in ticks. Time that a hypervisor took away counts as busy: nobody here could use it. */
function times(): { busy: number; all: number; cores: number } | null {
  let text: string;
  try {
    text = readFileSync('/proc/stat', 'latin1');
  } catch {
    return null;
  }
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softIrq = 0, stolen = 0] = (
    /^cpu +(.*)$/m.exec(text)?.[1] ?? ''
  )
    .split(' ')
    .map(Number);
  const busy = user + nice + system + irq + softIrq + stolen;
  return { busy, all: busy + idle + waiting, cores: [...text.matchAll(/^cpu\d/gm)].length };
}

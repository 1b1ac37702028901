import { readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem, version } from 'node:os';

/** What the figures were made on, for whoever compares them with others. */
export function machineDescription(): Record<string, string> {
  const processors = cpus();
  return {
    processor: `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'} (${arch()})`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `${release()} ${version()}`,
    distribution: osName(),
    node: process.version,
    virtual: read('/proc/cpuinfo').includes(' hypervisor') ? 'yes' : 'no',
  };
}

function osName(): string {
  return /^PRETTY_NAME="(.*)"$/m.exec(read('/etc/os-release'))?.[1] ?? 'unknown';
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** What the figures were made on, as lines of a list. */
export function machineLines(machine: Readonly<Record<string, string>>): string[] {
  return Object.entries(machine).map(([what, value]) => `- ${what}: ${value}`);
}

import { writeFileSync } from 'node:fs';
import { compilePolicy } from '../policy/compile.ts';
import { graph } from '../policy/graph.ts';
import { EXIT, type Io, loadOrReport } from './policy-io.ts';

/** `policy graph FILE [--out FILE]`: an SVG of regions, fences, datacenters and routes. */
export function runGraph(io: Io, file: string, { out }: { out?: string }): void {
  const loaded = loadOrReport(io, file, false);
  if (loaded === null) return;
  const svg = graph(compilePolicy(loaded.policy));
  if (out === undefined) io.out(svg);
  else {
    try {
      writeFileSync(out, svg);
    } catch (error) {
      io.err(`${out}: cannot be written: ${error instanceof Error ? error.message : 'unknown'}\n`);
      io.exit(EXIT.notPolicy);
      return;
    }
  }
  io.exit(EXIT.ok);
}

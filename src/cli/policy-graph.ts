import { writeFileSync } from 'node:fs';
import { compilePolicy } from '../policy/compile.ts';
import { graph } from '../policy/graph.ts';
import { EXIT, faultLine, faultOf, type Io, loadOrReport, printJson } from './policy-io.ts';

/** `policy graph FILE [--out FILE]`: an SVG of regions, fences, datacenters and routes. */
export function runGraph(io: Io, file: string, { out, json }: { out?: string; json: boolean }): void {
  const loaded = loadOrReport(io, file, json);
  if (loaded === null) return;
  const svg = graph(compilePolicy(loaded.policy));
  if (out === undefined) {
    if (json) printJson(io, { exit: EXIT.ok, svg });
    else io.out(svg);
  } else {
    try {
      writeFileSync(out, svg);
      if (json) printJson(io, { exit: EXIT.ok, out });
    } catch (error) {
      const message = `cannot be written: ${error instanceof Error ? error.message : 'unknown'}`;
      if (json) printJson(io, { exit: EXIT.notPolicy, file: out, message });
      else io.out(faultLine(faultOf(out, 'unwritable', message)));
      io.exit(EXIT.notPolicy);
      return;
    }
  }
  io.exit(EXIT.ok);
}

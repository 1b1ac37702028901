import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Where Kubernetes' own description of each kind that the chart has is found. */
const MODULES: Readonly<Record<string, string>> = {
  v1: 'core/v1',
  'apps/v1': 'apps/v1',
  'policy/v1': 'policy/v1',
};

export interface Manifest {
  readonly [key: string]: unknown;
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * What is wrong with manifests by Kubernetes' published OpenAPI description, in its form as TypeScript types: keys
 * that there are none of, values of another type, keys that are missing. Empty where nothing is.
 */
export function manifestFaults(manifests: readonly Manifest[]): string[] {
  const file = fileURLToPath(new URL('./manifests.virtual.ts', import.meta.url));
  const text = manifests
    .map((manifest, n) => {
      const module = MODULES[manifest.apiVersion];
      if (module === undefined) throw new Error(`not known here: ${manifest.apiVersion}`);
      const type = `import('kubernetes-types/${module}').${manifest.kind}`;
      return `export const m${n}: ${type} = ${JSON.stringify(manifest, null, 1)};\n`;
    })
    .join('');
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    lib: ['lib.es2022.d.ts'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022) : getSourceFile(name, ...rest);
  const program = ts.createProgram([file], options, host);
  const lines = text.split('\n');
  return ts.getPreEmitDiagnostics(program).map(({ file: source, start, messageText }) => {
    const line = source && start !== undefined ? source.getLineAndCharacterOfPosition(start).line : -1;
    return `${lines[line]?.trim() ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

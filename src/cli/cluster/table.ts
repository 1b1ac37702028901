import type { Policy } from '../../policy/model.ts';
import type { LocalCluster } from './local-cluster.ts';

/** What a person wants to see when the cluster is ready. */
export function clusterTable(cluster: LocalCluster, policy: Policy, policyFile: string): string {
  const rows = cluster.nodes.map(({ id, region, url, pid }) => [id, region, url, String(pid)]);
  const table = [['node', 'region', 'url', 'process'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map(
    (row) => `  ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')}`,
  );
  const [first] = cluster.nodes;
  const page = first?.url.replace(/^ws/, 'http');
  return [
    `The cluster is ready: ${policy.cloud}, version ${policy.version} of ${policyFile}`,
    '',
    ...lines.map((line) => line.trimEnd()),
    '',
    `  redis    ${cluster.redis}`,
    `  page     ${page}  (every node has it)`,
    `  token    npx watershed token --room ROOM --region ${first?.region}`,
    `  logs     ${cluster.directory}`,
    '  end      Ctrl-C here, or npx watershed cluster down',
    '',
    '',
  ].join('\n');
}

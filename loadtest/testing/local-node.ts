import { startNode, type TestNode, type TestNodeOptions } from '../../src/e2e/harness/node.ts';
import { localPolicy } from '../../src/e2e/harness/policies.ts';
import { freePort } from '../../src/testing/free-port.ts';

/** A node whose policy names its own address, so that its directory leads to it. */
export async function startLocalNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const port = options.port ?? (await freePort());
  const policy = localPolicy('policy.yaml', { local: `ws://127.0.0.1:${port}` });
  return startNode({ policy, ...options, port });
}

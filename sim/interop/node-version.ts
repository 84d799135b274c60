import { createNamespace } from '../netns/namespace.ts';
import { openScope } from '../netns/scope.ts';
import type { NodeSpec } from './node-spec.ts';

const TIMEOUT_MS = 10_000;

/** What each node calls itself, in the nodes' order: `v1.4.7`, or the reason why it is unknown. */
export async function versionsOf(nodes: readonly NodeSpec[]): Promise<readonly string[]> {
  const scope = openScope();
  try {
    // What takes `-v` for the request to start must not start in the host's own namespace.
    const namespace = await createNamespace(scope, 'ver');
    return await Promise.all(
      nodes.map(async ({ program: { command, args, env } }) => {
        const variables = Object.entries(env ?? {}).map(([key, value]) => `${key}=${value}`);
        const words = [...variables, command, ...args, '-v'];
        try {
          const { stdout } = await namespace.run('env', words, { timeout: TIMEOUT_MS });
          return /\bv\d[\w.+~-]*\w/.exec(stdout)?.[0] ?? 'version unknown';
        } catch (error) {
          return `version unknown: ${(error as Error).message.slice(-80)}`;
        }
      }),
    );
  } finally {
    await scope.close();
  }
}

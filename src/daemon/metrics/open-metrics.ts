import type { NodeFigures } from '../../control/node-figures.ts';
import { VERSION } from '../../control/version.ts';
import { KernelError } from '../../kernel/kernel.ts';
import { readTableFigures } from '../../kernel/listing/table-figures.ts';
import { exposition } from '../../metrics/exposition.ts';
import { buildFamily, nodeFamilies } from '../../metrics/families.ts';
import type { Family } from '../../metrics/family.ts';
import { processFamilies } from '../../metrics/process-families.ts';
import { tableFamilies } from '../../metrics/table-families.ts';
import type { ListenAddress } from '../../settings/listen-address.ts';
import type { CleanupStack } from '../process/cleanup-stack.ts';
import type { Log } from '../process/log.ts';
import { listenText, openMetricsServer } from './metrics-server.ts';
import { ownProcess } from './own-process.ts';

/** Failed scrapes that are logged since the start: after these the counter of Prometheus is enough. */
const LOGGED_MAX = 10;

/** A node whose metrics are served. */
export interface MeteredNode {
  figures(): NodeFigures;
  /** Why it does not do its work yet; undefined: it does. */
  unready(): string | undefined;
}

/** A kernel that does not answer costs its own metrics, not the node's. */
function table(log: Log, failures: { count: number }): Family[] {
  try {
    return tableFamilies(readTableFigures());
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    failures.count++;
    if (failures.count <= LOGGED_MAX) {
      log.warning(`metrics of the kernel's table: ${error.message}`, {
        event: 'metrics_failed',
        reason: error.message,
      });
    }
    return [];
  }
}

/** Serves the node's metrics until the daemon ends. @throws MetricsError */
export async function openMetrics(
  listen: ListenAddress,
  node: MeteredNode,
  log: Log,
  opened: CleanupStack,
): Promise<void> {
  const failures = { count: 0 };
  const server = await openMetricsServer(listen, {
    metrics: () => {
      const figures = node.figures();
      return exposition([
        buildFamily({ version: VERSION, node: process.versions.node, mode: figures.mode }),
        ...processFamilies(ownProcess()),
        ...table(log, failures),
        ...nodeFamilies(figures),
      ]);
    },
    unready: node.unready,
    failed: (error) => {
      failures.count++;
      if (failures.count <= LOGGED_MAX)
        log.error(`metrics: ${(error as Error).stack ?? error}`, {
          event: 'metrics_failed',
          reason: String(error),
        });
    },
  });
  opened.add(() => server.close());
  if (listen.kind === 'tcp' && !listen.isLoopback) {
    log.warning(`metrics are served on ${listenText(listen)} to whoever reaches it: there is no password`, {
      event: 'metrics_reachable',
      listen: listenText(listen),
    });
  }
}

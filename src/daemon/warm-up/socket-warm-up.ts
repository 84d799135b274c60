import { setTimeout as sleep } from 'node:timers/promises';
import { Change } from '../../flow/change.ts';
import { SocketWarmUpKernel } from '../../kernel/ctnetlink/warm-up-kernel.ts';
import type { Link, LinkSink } from '../../link/link.ts';
import { openWarmUpLink } from '../../link/warm-up-link.ts';
import { SystemError } from '../../system/system-error.ts';
import { Log } from '../process/log.ts';
import { SyncNode, type SyncNodeOptions } from '../sync/sync-node.ts';
import { kernelIdOf, PAYLOAD_LIMIT, warmUpRecords } from './warm-up-records.ts';

/** Flows after which the first events of a node cost no more than after many more. */
export const SOCKET_FLOWS = 300;
/** Time between two events: so long that each comes alone and the reader does not coalesce them. */
const SPACING_MS = 1;
/** Share of the flows, the first ones, whose events come so fast that the reader coalesces them. */
const COALESCED_SHARE = 1 / 8;

/**
 * Lets two nodes replicate flows whose events come some at a time, then one at a time, over sockets of this process. Being
 * woken, reading, sending and waiting is most of what such an event costs; this compiles that code before it matters.
 * @param isWanted whether to go on
 */
export async function warmUpSockets(
  options: SyncNodeOptions,
  flows: number,
  isWanted: () => boolean,
): Promise<void> {
  if (options.pollSeconds !== undefined) return;
  const nodes: WarmUpNode[] = [];
  try {
    nodes.push(new WarmUpNode(options), new WarmUpNode(options));
    const [primary, backup] = nodes as [WarmUpNode, WarmUpNode];
    [primary.link, backup.link] = openWarmUpLink([primary.sink, backup.sink], PAYLOAD_LIMIT);
    await Promise.all([primary.node.start(false), backup.node.start(false)]);
    const newFlows = warmUpRecords(flows, false);
    const answeredFlows = warmUpRecords(flows, true);
    for (let n = 0; n < flows && isWanted(); n++) {
      for (const change of [Change.NEW, Change.UPDATE, Change.DESTROY]) {
        const record = (change === Change.NEW ? newFlows : answeredFlows)[n]!;
        primary.kernel.queueEvent(change, record, kernelIdOf(n));
        if (n < flows * COALESCED_SHARE && change !== Change.DESTROY) continue;
        primary.kernel.flushEvents();
        await sleep(SPACING_MS);
      }
    }
  } catch (error) {
    // The daemon works without it, for instance when no descriptor is left.
    if (!(error instanceof SystemError)) throw error;
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
  }
}

/** One of the two nodes, with its kernel and its link. */
class WarmUpNode {
  readonly kernel: SocketWarmUpKernel;
  readonly node: SyncNode;
  readonly sink: LinkSink;
  link: Link | undefined;

  constructor(options: SyncNodeOptions) {
    this.kernel = new SocketWarmUpKernel({
      timeout: options.commitTimeout === undefined,
      windowScale: options.tcpWindowTracking,
      fastPaths: options.fastPaths ?? true,
    });
    const links = {
      payloadLimit: PAYLOAD_LIMIT,
      congested: false,
      send: (bytes: Uint8Array, length: number) => this.link?.send(bytes, length),
      flush: () => this.link?.flush?.(),
      markCurrent: () => {},
    };
    const node = new SyncNode(this.kernel, links, new Log(undefined, undefined, undefined), options);
    this.node = node;
    this.sink = {
      datagram: (link, sender, bytes, start, end) => node.handleDatagram(link, sender, bytes, start, end),
      drained: () => node.handleDrained(),
    };
  }

  async close(): Promise<void> {
    this.node.close();
    await this.link?.close();
    this.kernel.close();
  }
}

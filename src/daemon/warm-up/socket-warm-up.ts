import { setTimeout as sleep } from 'node:timers/promises';
import { Change } from '../../flow/change.ts';
import { SocketWarmUpKernel } from '../../kernel/ctnetlink/warm-up-kernel.ts';
import type { Link, LinkSink } from '../../link/link.ts';
import { openWarmUpLink } from '../../link/warm-up-link.ts';
import { SystemError } from '../../system/system-error.ts';
import { Log } from '../process/log.ts';
import { SyncNode, type SyncNodeOptions } from '../sync/sync-node.ts';
import { numberInKernel, PAYLOAD_LIMIT, warmUpRecords } from './warm-up-records.ts';

/** After so many flows an event that comes alone costs what it will cost from then on. */
export const SOCKET_FLOWS = 1400;
/** Milliseconds from one event to the next: each is to come alone, and not so fast that the reader would wait for more. */
const SPACING = 1;
/** Of this part of the flows, the first ones, all events come at once: so fast that they are read by the clock. */
const CROWD = 1 / 8;

/**
 * Lets two nodes replicate flows whose events come some at a time, then one at a time, over sockets of this process: to be
 * woken, to read, to send and to wait is most of what such an event costs, and it, too, is to be compiled before it counts.
 */
export async function warmUpSockets(
  options: SyncNodeOptions,
  flows: number,
  goOn: () => boolean,
): Promise<void> {
  if (options.pollSeconds !== undefined) return;
  const stations: WiredStation[] = [];
  try {
    stations.push(new WiredStation(options), new WiredStation(options));
    const [primary, backup] = stations as [WiredStation, WiredStation];
    [primary.link, backup.link] = openWarmUpLink([primary.sink, backup.sink], PAYLOAD_LIMIT);
    await Promise.all([primary.node.start(false), backup.node.start(false)]);
    const begun = warmUpRecords(flows, false);
    const grown = warmUpRecords(flows, true);
    for (let n = 0; n < flows && goOn(); n++) {
      for (const change of [Change.NEW, Change.UPDATE, Change.DESTROY]) {
        const record = (change === Change.NEW ? begun : grown)[n]!;
        primary.kernel.queueEvent(change, record, numberInKernel(n));
        if (n < flows * CROWD && change !== Change.DESTROY) continue;
        primary.kernel.flushEvents();
        await sleep(SPACING);
      }
    }
  } catch (error) {
    // It can be done without, for instance when no descriptor is left.
    if (!(error instanceof SystemError)) throw error;
  } finally {
    await Promise.all(stations.map((station) => station.close()));
  }
}

/** One of the two nodes. */
class WiredStation {
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
      heard: () => {},
    };
    const node = new SyncNode(this.kernel, links, new Log(undefined, undefined, undefined), options);
    this.node = node;
    this.sink = {
      datagram: (link, sender, bytes, start, end) => node.datagram(link, sender, bytes, start, end),
      drained: () => node.drained(),
    };
  }

  async close(): Promise<void> {
    this.node.close();
    await this.link?.close();
    this.kernel.close();
  }
}

import { randomInt } from 'node:crypto';
import type { SyncModeConfig } from '../../config/config.ts';
import type { LinkStatistics as LinkFigures } from '../../control/snapshot.ts';
import { type Links, openLinks } from '../../link/links.ts';
import { describeFact } from '../../link/redundant.ts';
import type { Settings } from '../../settings/settings.ts';
import { peerVersion } from '../../sync/dialect/peer-version.ts';
import { trimNativeMemory, withoutHeapGrowth } from '../../system/process/heap.ts';
import { RefusalLog } from '../common/links/refusal-log.ts';
import { openKernel } from '../common/open-kernel.ts';
import { latencyOf } from '../common/read-pace.ts';
import { PROCESS_RUNTIME } from '../common/runtime.ts';
import { runtimeStatistics } from '../common/runtime-statistics.ts';
import { Failover } from '../failover/failover.ts';
import { withGuardedCommits } from '../failover/guard/guard-control.ts';
import { roleStatistics, withRoleRequests } from '../failover/role-control.ts';
import type { CleanupStack } from '../process/cleanup-stack.ts';
import type { Log } from '../process/log.ts';
import type { DaemonHooks, RunningMode } from '../process/mode.ts';
import { syncControl } from './control.ts';
import { NodeCommands } from './node-commands.ts';
import { replicationStatistics } from './reconcile/replication-statistics.ts';
import { syncSnapshot } from './snapshot.ts';
import { SyncNode, type SyncNodeOptions } from './sync-node.ts';

/**
 * Opens what a node that replicates needs: the kernel, the links.
 * @throws KernelError, LinkError
 */
export async function openSyncMode(
  config: SyncModeConfig,
  settings: Settings,
  log: Log,
  opened: CleanupStack,
  hooks: DaemonHooks,
  fastPaths: boolean,
): Promise<RunningMode> {
  const { sync } = config;
  const withExpectations = sync.options.expectationSync !== false;
  if (sync.disableInternalCache) log.notice('disabling internal cache');
  if (sync.disableExternalCache) log.notice('disabling external cache');
  const kernel = openKernel(
    config.general,
    {
      timeout: sync.commitTimeout === undefined,
      windowScale: sync.options.tcpWindowTracking,
      expectations: withExpectations,
      labels: settings.peer.labels,
      fastPaths,
      commits: true,
      // Of what it injects, a node takes note of ends alone, unless it keeps the standby's flows.
      echoes: !sync.disableExternalCache || settings.standby.keep,
    },
    log,
  );
  opened.add(() => kernel.close());
  if (config.general.pollSeconds !== undefined) log.notice('running in polling mode');

  // The links are opened before the node that takes what arrives on them: nothing arrives before this turn is over.
  let node: SyncNode | undefined;
  const { keyFile: keyPath } = settings.links;
  // What few nodes need is loaded where it is.
  const keyFile =
    keyPath === undefined
      ? undefined
      : (await import('../common/links/open-key-file.ts')).openKeyFile(keyPath, log, opened);
  const refusalLogs = sync.links.map(
    ({ interface: device }) => new RefusalLog(device, log, PROCESS_RUNTIME.now),
  );
  const links = await openLinks(
    sync.links,
    {
      datagram: (link, sender, bytes, start, end) => node?.handleDatagram(link, sender, bytes, start, end),
      drained: () => node?.handleDrained(),
      refused: (link) => refusalLogs[link]!.note(links.refusalsOn(link)),
      writable: () => node?.scheduleTransmit(),
      fact: (fact) => {
        if (fact.kind === 'no-link') log.error(describeFact(fact), { event: 'no_link' });
        else if (fact.cause === 'interface-down') {
          const event = fact.kind === 'link-changed' ? 'link_changed' : 'link_reopened';
          log.notice(describeFact(fact), { event, link: fact.interface });
        }
      },
    },
    {
      errorQueueLength: sync.errorQueueLength,
      ...(keyFile && { keyFile }),
      senderRules: { senders: settings.links.senders, acceptAny: settings.links.acceptAnySender },
    },
  );
  opened.add(() => links.close());
  for (const warning of links.warnings) log.warning(warning);

  const running = new SyncNode(kernel, links, log, nodeOptions(config, settings, fastPaths));
  node = running;
  opened.add(() => running.close());
  const commands = new NodeCommands(running);
  opened.add(() => commands.close());
  const { guard: guardSettings } = settings.failover;
  const guard =
    guardSettings &&
    (await import('../failover/guard/open-guard.ts')).openGuard(guardSettings, log, running.runtime, opened);
  const failover = new Failover(settings.failover, commands, log, running.runtime.now, guard);
  opened.add(() => failover.close());
  const snapshot = () =>
    syncSnapshot(running, {
      role:
        (failover.state.role ?? guard) === undefined ? undefined : roleStatistics(failover, running.runtime),
      runtime: runtimeStatistics(running.counters, running.reader, kernel, hooks, running.recheck?.counters),
      links: linkFigures(links),
      linkQueue: links.errorQueue,
      helpers: hooks.helperStatistics(),
      replication: replicationStatistics(running, commands),
    });
  const control = syncControl(running, commands, {
    snapshot,
    kill: () => hooks.kill(),
    expectationSync: withExpectations,
  });
  return {
    figures: snapshot,
    handler: withRoleRequests(
      failover,
      running.runtime,
      guard === undefined ? control : withGuardedCommits(guard, () => commands.whenIdle(), control),
    ),
    start: async () => {
      await running.start(sync.startupResync);
      // keepalived's earlier lines wait in the FIFO: a commit needs a node that has started.
      failover.start();
    },
    warmUp: async (atNormalPriority) => {
      const isWanted = (): boolean => !running.isClosed;
      await withoutHeapGrowth(async () => {
        const { FULL_WARM_UP, warmUp } = await import('../warm-up/warm-up.ts');
        const { SOCKET_FLOWS, warmUpSockets } = await import('../warm-up/socket-warm-up.ts');
        await warmUp(nodeOptions(config, settings, fastPaths), FULL_WARM_UP, isWanted, atNormalPriority);
        await warmUpSockets(nodeOptions(config, settings, fastPaths), SOCKET_FLOWS, isWanted);
      });
      if (!isWanted()) return;
      // Not garbage as well: a collection that is asked for throws away compiled code, which the first commit then pays for.
      atNormalPriority(trimNativeMemory);
    },
  };
}

function nodeOptions(
  { general, sync }: SyncModeConfig,
  { links, peer, replication, standby }: Settings,
  fastPaths: boolean,
): SyncNodeOptions {
  return {
    mode: sync.mode,
    resendQueueSize: sync.resendQueueSize,
    ackWindowSize: sync.ackWindowSize,
    commitTimeout: sync.commitTimeout,
    purgeTimeout: sync.purgeTimeout,
    refreshTime: sync.refreshTime,
    cacheTimeout: sync.cacheTimeout,
    disableInternalCache: sync.disableInternalCache,
    disableExternalCache: sync.disableExternalCache,
    hashLimit: general.hashLimit,
    tcpWindowTracking: sync.options.tcpWindowTracking,
    expectationSync: sync.options.expectationSync,
    filter: general.filter,
    eventIterationLimit: general.eventIterationLimit,
    overrunResync: general.netlink.overrunResync,
    bufferSizeMaxGrowth: general.netlink.bufferSizeMaxGrowth,
    latency: latencyOf(links.latency, sync.disableExternalCache),
    pollSeconds: general.pollSeconds,
    hashSeed: randomInt(2 ** 31),
    fastPaths,
    standby,
    resyncSeconds: replication.resyncSeconds,
    severalActive: replication.activeNodes === 'several',
    peer: {
      version: peer.version === undefined ? undefined : peerVersion(peer.version),
      labels: peer.labels,
    },
  };
}

function linkFigures(links: Links): LinkFigures[] {
  return links
    .statistics()
    .map(({ transport, interface: device, status, role, sent, received, refused, seal, connected }) => ({
      transport: transport === 'multicast' ? transport : (transport.toUpperCase() as 'UDP' | 'TCP'),
      device,
      status,
      active: role === 'ACTIVE',
      bytesSent: sent.bytes,
      bytesReceived: received.bytes,
      packetsSent: sent.datagrams,
      packetsReceived: received.datagrams,
      errorsSent: sent.errors,
      errorsReceived: received.errors,
      refused,
      ...(seal && { seal }),
      ...(connected && { serverConnected: connected.server, clientConnected: connected.client }),
    }));
}

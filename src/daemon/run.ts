import { randomInt } from 'node:crypto';
import type { Config, SyncModeConfig } from '../config/config.ts';
import { type ControlServer, openControlSocket } from '../control/server.ts';
import type { LinkStatistics as LinkFigures, RuntimeStatistics } from '../control/snapshot.ts';
import { Ctnetlink } from '../kernel/ctnetlink.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { type Links, openLinks } from '../link/links.ts';
import { describeFact } from '../link/redundant.ts';
import { syncControl } from './control.ts';
import { LockFile } from './lock-file.ts';
import { type Console, Log } from './log.ts';
import { syncSnapshot } from './snapshot.ts';
import { notYetEffective, refusal } from './support.ts';
import { SyncNode } from './sync-node.ts';
import { openSyslog } from './syslog.ts';

/** The daemon cannot start: one line that says why, and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

export interface RunOptions {
  /** Undefined once the process is a daemon. */
  readonly console: Console | undefined;
  /** The warnings about the configuration, for the log. */
  readonly warnings: readonly string[];
  /** Said last before the daemon works: `-- starting in daemon mode --`. */
  readonly greeting: string;
}

/** A daemon that works. */
export interface Daemon {
  /** Ends it in order: the sockets closed, the lock file removed. Resolves when nothing is left. */
  stop(): Promise<void>;
  /** Resolves when it has stopped, by {@link stop} or by `-k`. */
  readonly stopped: Promise<void>;
  /** Opens the log file anew. */
  reopenLog(): void;
}

/**
 * Starts the daemon that the configuration describes, and resolves when it works.
 * @throws StartError, with nothing left behind
 */
export async function runDaemon(config: Config, options: RunOptions): Promise<Daemon> {
  const unsupported = refusal(config);
  if (unsupported !== undefined) throw new StartError(unsupported);
  return startSync(config as SyncModeConfig, options);
}

/** What was opened, in order, to be closed in the opposite one. */
class Opened {
  private readonly closers: (() => void | Promise<void>)[] = [];

  add(close: () => void | Promise<void>): void {
    this.closers.push(close);
  }

  async close(): Promise<void> {
    for (let close = this.closers.pop(); close; close = this.closers.pop()) await close();
  }
}

async function startSync(config: SyncModeConfig, options: RunOptions): Promise<Daemon> {
  const opened = new Opened();
  try {
    return await openSync(config, options, opened);
  } catch (error) {
    await opened.close();
    throw error instanceof StartError ? error : new StartError((error as Error).message, { cause: error });
  }
}

async function openSync(config: SyncModeConfig, options: RunOptions, opened: Opened): Promise<Daemon> {
  const { general, sync } = config;
  const lock = LockFile.take(general.lockFile);
  opened.add(() => lock.release());

  const log = openLog(config, options.console);
  opened.add(() => log.close());
  for (const warning of options.warnings) log.warning(warning);
  for (const clause of notYetEffective(config)) log.warning(`\`${clause}' is not yet effective, ignoring`);

  const { bufferSize, eventsReliable } = general.netlink;
  const kernel = new Ctnetlink({
    ...(bufferSize > 0 && bufferSize <= general.netlink.bufferSizeMaxGrowth
      ? { eventBuffer: bufferSize }
      : {}),
    reliableEvents: eventsReliable,
    expectations: sync.options.expectationSync !== false,
    timeout: sync.commitTimeout === undefined,
    windowScale: sync.options.tcpWindowTracking,
  });
  opened.add(() => kernel.close());
  log.notice(`netlink event socket buffer size has been set to ${kernel.eventBufferSize} bytes`);

  // The links are opened before the node that takes what arrives on them: nothing arrives before this turn is over.
  let node: SyncNode | undefined;
  const links = await openLinks(sync.links, {
    datagram: (link, sender, bytes, start, end) => node?.datagram(link, sender, bytes, start, end),
    drained: () => node?.scheduleTransmit(),
    fact: (fact) => {
      if (fact.kind === 'no-link') log.error(describeFact(fact));
      else if (fact.cause === 'interface-down') log.notice(describeFact(fact));
    },
  });
  opened.add(() => links.close());
  for (const warning of links.warnings) log.warning(warning);

  node = new SyncNode(kernel, links, log, nodeOptions(config));
  opened.add(() => node.close());

  let finish = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return stopped;
    stopping = true;
    log.notice('---- shutdown received ----');
    await opened.close();
    finish();
    return stopped;
  };

  const started = performance.now();
  let server: ControlServer | undefined;
  const control = syncControl(node, {
    snapshot: () =>
      syncSnapshot(
        node,
        runtimeStatistics(node, kernel, server, (performance.now() - started) / 1000),
        linkFigures(links),
        sync.options.expectationSync !== false,
      ),
    kill: () => void stop(),
    expectationSync: sync.options.expectationSync !== false,
  });

  if (general.unix.path !== undefined) {
    server = await openControlSocket(general.unix.path, control, {
      onError: (error, request) => log.error(`request ${request}: ${(error as Error).stack ?? error}`),
    });
    const { close } = server;
    opened.add(() => close());
  }
  await node.start(sync.startupResync);
  log.notice('initialization completed');
  log.notice(options.greeting);
  return { stop, stopped, reopenLog: () => log.reopen() };
}

function openLog({ general }: Config, console: Console | undefined): Log {
  const { syslogFacility } = general;
  return new Log(
    console,
    general.logFile,
    syslogFacility === undefined ? undefined : openSyslog(syslogFacility),
  );
}

function nodeOptions({ general, sync }: SyncModeConfig): ConstructorParameters<typeof SyncNode>[3] {
  return {
    resendQueueSize: sync.resendQueueSize,
    ackWindowSize: sync.ackWindowSize,
    commitTimeout: sync.commitTimeout,
    purgeTimeout: sync.purgeTimeout,
    hashLimit: general.hashLimit,
    tcpWindowTracking: sync.options.tcpWindowTracking,
    expectationSync: sync.options.expectationSync,
    filter: general.filter,
    eventIterationLimit: general.eventIterationLimit,
    overrunResync: general.netlink.overrunResync,
    bufferSizeMaxGrowth: general.netlink.bufferSizeMaxGrowth,
    hashSeed: randomInt(2 ** 31),
  };
}

function linkFigures(links: Links): LinkFigures[] {
  return links.statistics().map(({ transport, interface: device, status, role, sent, received }) => ({
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
  }));
}

function runtimeStatistics(
  { counters }: SyncNode,
  kernel: Kernel,
  server: ControlServer | undefined,
  uptime: number,
): RuntimeStatistics {
  return {
    uptime: Math.floor(uptime),
    eventsReceived: counters.eventsReceived,
    eventsFiltered: counters.eventsFiltered,
    eventsUnknownType: kernel.counters.unknownEvents,
    eventsFailed: counters.eventsFailed,
    dumpUnknownType: 0,
    overruns: counters.overruns,
    kernelFlushes: counters.kernelFlushes,
    kernelResyncs: counters.kernelResyncs,
    bufferSize: kernel.eventBufferSize,
    childFailed: 0,
    childSegfault: 0,
    childTerminated: 0,
    selectFailed: 0,
    waitFailed: 0,
    localReadFailed: server?.counters.readFailed ?? 0,
    localUnknownRequest: server?.counters.unknownRequest ?? 0,
  };
}

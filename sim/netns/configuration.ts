import { type Family, type Side, syncAddress, syncLinkName } from './topology.ts';

/** Paths of the files that each node needs for itself, because several nodes share one file system. */
export interface NodePaths {
  readonly directory: string;
  readonly configuration: string;
  readonly lockFile: string;
  readonly logFile: string;
  /** Log of flows, in Stats mode. */
  readonly statsLogFile: string;
  readonly controlSocket: string;
  /** Where our program makes the FIFOs for its launcher. */
  readonly runDirectory: string;
}

export interface NodePlace {
  readonly side: Side;
  readonly paths: NodePaths;
  readonly syncLinks: number;
}

/**
 * The contents of a conntrackd.conf. The `in...` lists are lines that go into that block unchanged, for settings without
 * an option of their own.
 */
export interface ConfigurationOptions {
  /** By default FTFW. `Stats` makes a node that only logs and counts. */
  readonly mode?: 'FTFW' | 'NOTRACK' | 'ALARM' | 'Stats';
  /** By default UDP. */
  readonly transport?: 'UDP' | 'Multicast' | 'TCP';
  /** Address family of the sync link; by default 4. */
  readonly family?: Family;
  /** By default 3780. */
  readonly port?: number;
  /** Lines such as `ResendQueueSize 1000`. */
  readonly inMode?: readonly string[];
  /** Lines for each link; by default `Checksum on` and the socket buffers. */
  readonly inTransport?: readonly string[];
  /** Lines such as `TCPWindowTracking on`. */
  readonly inOptions?: readonly string[];
  /** Lines such as `HashLimit 1000`. */
  readonly inGeneral?: readonly string[];
  /** The block that follows `Filter From Userspace`, one line each, or none. */
  readonly inFilter?: readonly string[];
}

/** The configuration itself, where the options are not enough. */
export type ConfigurationText = (place: NodePlace) => string;

export type Configuration = ConfigurationOptions | ConfigurationText;

const MULTICAST_GROUP = { 4: '225.0.0.50', 6: 'ff02::50' } as const;
const SOCKET_BUFFERS = ['SndSocketBuffer 1249280', 'RcvSocketBuffer 1249280', 'Checksum on'] as const;

function block(head: string, lines: readonly string[]): string[] {
  return [`${head} {`, ...lines.map((line) => `  ${line}`), '}'];
}

/** The text of a node's conntrackd.conf. */
export function configurationText(place: NodePlace, configuration: Configuration = {}): string {
  if (typeof configuration === 'function') return configuration(place);
  const { paths } = place;
  const { mode = 'FTFW', inGeneral = [], inFilter, inOptions, inMode = [] } = configuration;
  const general = block('General', [
    `LogFile ${paths.logFile}`,
    `LockFile ${paths.lockFile}`,
    'NetlinkBufferSize 8388608',
    'NetlinkBufferSizeMaxGrowth 67108864',
    ...block('UNIX', [`Path ${paths.controlSocket}`]),
    ...inGeneral,
    ...(inFilter === undefined ? [] : block('Filter From Userspace', inFilter)),
  ]);
  const rest =
    mode === 'Stats'
      ? block('Stats', [`LogFile ${paths.statsLogFile}`, ...inMode])
      : block('Sync', [
          ...block(`Mode ${mode}`, inMode),
          ...transportBlocks(place, configuration),
          ...(inOptions === undefined ? [] : block('Options', inOptions)),
        ]);
  return `${[...rest, ...general].join('\n')}\n`;
}

function transportBlocks(place: NodePlace, configuration: ConfigurationOptions): string[] {
  const { transport = 'UDP', family = 4, port = 3780, inTransport = SOCKET_BUFFERS } = configuration;
  const word = `IPv${family}` as const;
  const version = `v${family}` as const;
  const blocks: string[] = [];
  for (let link = 0; link < place.syncLinks; link++) {
    const own = syncAddress(place.side, link)[version];
    const peer = syncAddress(place.side === 'a' ? 'b' : 'a', link)[version];
    const name = syncLinkName(link);
    const head = place.syncLinks > 1 && link === 0 ? `${transport} Default` : transport;
    const addresses =
      transport === 'Multicast'
        ? [
            `${word}_address ${MULTICAST_GROUP[family]}`,
            // The C node takes the interface of an IPv6 group from `Interface`.
            ...(family === 4 ? [`IPv4_interface ${own}`] : []),
            `Group ${port + link}`,
          ]
        : [`${word}_address ${own}`, `${word}_Destination_Address ${peer}`, `Port ${port + link}`];
    blocks.push(...block(head, [...addresses, `Interface ${name}`, ...inTransport]));
  }
  return blocks;
}

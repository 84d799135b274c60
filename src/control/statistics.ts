/**
 * Statistics as text, in the layout of the C node, to the character: tabs, padding and its spelling included. Each
 * block ends in an empty line, so that blocks may follow each other.
 */

import { Request } from './codes.ts';
import { roleText } from './role.ts';
import { sharedFlowsText } from './shared-flows.ts';
import type {
  CacheStatistics,
  ExternalStatistics,
  InternalStatistics,
  LinkStatistics,
  NetworkStatistics,
  PeerStatistics,
  ProcessStatistics,
  QueueStatistics,
  QueuesStatistics,
  ResendEntry,
  ResendQueueStatistics,
  RuntimeStatistics,
  SidesStatistics,
  Snapshot,
  SyncSnapshot,
  TrafficStatistics,
} from './snapshot.ts';
import { standbyText } from './standby.ts';

function n12(value: number): string {
  return String(value).padStart(12);
}

function n20(value: number): string {
  return String(value).padStart(20);
}

function cacheText(cache: CacheStatistics): string {
  return `cache ${cache.name}:
current active connections:\t${n12(cache.active)}
connections created:\t\t${n12(cache.created)}\tfailed:\t${n12(cache.createFailed)}
connections updated:\t\t${n12(cache.updated)}\tfailed:\t${n12(cache.updateFailed)}
connections destroyed:\t\t${n12(cache.destroyed)}\tfailed:\t${n12(cache.destroyFailed)}

`;
}

function cacheDetailText(cache: CacheStatistics): string {
  return `cache:${cache.name}\tactive objects:\t\t${n12(cache.objects)}
\tactive/total entries:\t\t${n12(cache.active)}/${n12(cache.entries)}
\tcreation OK/failed:\t\t${n12(cache.created)}/${n12(cache.createFailed)}
\t\tno memory available:\t${n12(cache.createNoMemory)}
\t\tno space left in cache:\t${n12(cache.createNoSpace)}
\tupdate OK/failed:\t\t${n12(cache.updated)}/${n12(cache.updateFailed)}
\t\tentry not found:\t${n12(cache.updateNotFound)}
\tdeletion created/failed:\t${n12(cache.destroyed)}/${n12(cache.destroyFailed)}
\t\tentry not found:\t${n12(cache.destroyNotFound)}

`;
}

function sideText(
  side: InternalStatistics | ExternalStatistics,
  ofCache: (cache: CacheStatistics) => string,
): string {
  switch (side.kind) {
    case 'cache':
      return ofCache(side);
    case 'bypass':
      return `internal bypass:
connections new:\t\t${n12(side.created)}
connections updated:\t\t${n12(side.updated)}
connections destroyed:\t\t${n12(side.destroyed)}

`;
    case 'inject':
      return `external inject:
connections created:\t\t${n12(side.created)}\tfailed:\t${n12(side.createFailed)}
connections updated:\t\t${n12(side.updated)}\tfailed:\t${n12(side.updateFailed)}
connections destroyed:\t\t${n12(side.destroyed)}\tfailed:\t${n12(side.destroyFailed)}

`;
  }
}

export function trafficText(traffic: TrafficStatistics): string {
  return `traffic processed:\n${n20(traffic.bytes)} Bytes      ${n20(traffic.packets)} Pckts\n\n`;
}

function linkCountersText(link: LinkStatistics): string {
  return `${n20(link.bytesSent)} Bytes sent ${n20(link.bytesReceived)} Bytes recv
${n20(link.packetsSent)} Pckts sent ${n20(link.packetsReceived)} Pckts recv
${n20(link.errorsSent)} Error send ${n20(link.errorsReceived)} Error recv

`;
}

function connection(connected: boolean | undefined): string {
  return connected ? 'connected' : 'disconnected';
}

/** The link in use, as `-s` and `-s network` show it. */
export function activeLinkText(link: LinkStatistics): string {
  const ends =
    link.transport === 'TCP'
      ? ` server=${connection(link.serverConnected)} client=${connection(link.clientConnected)}`
      : '';
  return `${link.transport} traffic (active device=${link.device})${ends}:\n${linkCountersText(link)}`;
}

/** One of all links, as `-s link` shows it. */
export function linkText(link: LinkStatistics): string {
  const role = link.active ? 'ACTIVE' : 'BACKUP';
  return `${link.transport} traffic device=${link.device} status=${link.status} role=${role}:
${linkCountersText(link)}`;
}

function trackingText(network: NetworkStatistics): string {
  return `message tracking:\n${n20(network.malformed)} Malformed msgs ${n20(network.lost)} Lost msgs\n\n`;
}

function networkText(network: NetworkStatistics): string {
  return `network statistics:
\trecv:
\t\tMalformed messages:\t${n20(network.malformed)}
\t\tWrong protocol version:\t${n20(network.badVersion)}
\t\tMalformed header:\t${n20(network.badHeader)}
\t\tMalformed payload:\t${n20(network.badPayload)}
\t\tBad message type:\t${n20(network.badType)}
\t\tTruncated message:\t${n20(network.truncated)}
\t\tBad message size:\t${n20(network.badSize)}
\tsend:
\t\tMalformed messages:\t${n20(network.sendMalformed)}

sequence tracking statistics:
\trecv:
\t\tPackets lost:\t\t${n20(network.lost)}
\t\tPackets before:\t\t${n20(network.before)}

`;
}

/** Days, hours and minutes: `2 days 3 h 5 min`; without the hours where there are none, as the C node. */
export function uptimeText(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3_600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  const dayText = days === 0 ? '' : `${days} day${days === 1 ? '' : 's'} `;
  return hours === 0 ? `${dayText}${minutes} min` : `${dayText}${hours} h ${minutes} min`;
}

function runtimeText(runtime: RuntimeStatistics): string {
  return `daemon uptime: ${uptimeText(runtime.uptime)}

netlink stats:
\tevents received:\t${n20(runtime.eventsReceived)}
\tevents filtered:\t${n20(runtime.eventsFiltered)}
\tevents unknown type:\t\t${n12(runtime.eventsUnknownType)}
\tcatch event failed:\t\t${n12(runtime.eventsFailed)}
\tdump unknown type:\t\t${n12(runtime.dumpUnknownType)}
\tnetlink overrun:\t\t${n12(runtime.overruns)}
\tflush kernel table:\t\t${n12(runtime.kernelFlushes)}
\tresync with kernel table:\t${n12(runtime.kernelResyncs)}
\tcurrent buffer size (in bytes):\t${n12(runtime.bufferSize)}

runtime stats:
\tchild process failed:\t\t${n12(runtime.childFailed)}
\t\tchild process segfault:\t${n12(runtime.childSegfault)}
\t\tchild process termsig:\t${n12(runtime.childTerminated)}
\tselect failed:\t\t\t${n12(runtime.selectFailed)}
\twait failed:\t\t\t${n12(runtime.waitFailed)}
\tlocal read failed:\t\t${n12(runtime.localReadFailed)}
\tlocal unknown request:\t\t${n12(runtime.localUnknownRequest)}

`;
}

function queueText(queue: QueueStatistics): string {
  return `queue ${queue.name}:
current elements:\t\t${n12(queue.elements)}
maximum elements:\t\t${n12(queue.maximum)}
not enough space errors:\t${n12(queue.noSpace)}

`;
}

function queuesText({ nodes, queues }: QueuesStatistics): string {
  let text = `allocated queue nodes:\t\t${n12(nodes)}\n\n`;
  for (const queue of queues) text += queueText(queue);
  return text;
}

function resendEntryText(entry: ResendEntry): string {
  return entry.kind === 'control'
    ? `control -> seq:${entry.sequence} flags:${entry.flags}\n`
    : `object -> seq:${entry.sequence}\n`;
}

/** The resend queue may hold its 131,072 elements: line by line. */
export function* resendQueueLines(queue: ResendQueueStatistics): Generator<string> {
  yield `resent queue (len=${queue.length})\n`;
  for (const entry of queue.entries) yield resendEntryText(entry);
}

export function processesText(processes: readonly ProcessStatistics[]): string {
  let text = '';
  for (const { pid, type } of processes) text += `PID=${pid} type=${type}\n`;
  return text;
}

function activeLinksText(links: readonly LinkStatistics[]): string {
  const link = links.find(({ active }) => active);
  return link === undefined ? '' : activeLinkText(link);
}

function generalText(sides: SidesStatistics, { traffic, links, network }: SyncSnapshot): string {
  return (
    sideText(sides.internal, cacheText) +
    sideText(sides.external, cacheText) +
    trafficText(traffic) +
    activeLinksText(links) +
    trackingText(network)
  );
}

/** What is known of an old peer, in one line. */
export function oldPeerText({ version, recognised, withoutPorts, zonesUnknown }: PeerStatistics): string {
  const source = recognised ? 'recognised by its messages' : 'as set';
  let text = `conntrackd ${version}${recognised ? ' or older' : ''} (${source})`;
  if (withoutPorts > 0) text += `, ${withoutPorts} messages without ports`;
  if (zonesUnknown > 0) text += `, ${zonesUnknown} messages with zones that it does not know`;
  return text;
}

/** Refused because of the key; what is usual when a node starts is left out. */
const KEY_REASONS = ['unsealed', 'sealed', 'other-key', 'forged', 'replayed'];

type LinkRefusals = Pick<LinkStatistics, 'device' | 'refused'>;

function refusalsText(
  links: readonly LinkRefusals[],
  reasons: readonly string[],
  nameOf: (reason: string) => string,
): string | undefined {
  const parts = links.flatMap(({ device, refused }) =>
    reasons
      .filter((reason) => refused[reason] !== undefined)
      .map((reason) => {
        const { count, last } = refused[reason]!;
        return `${count}${nameOf(reason)} on ${device}, the last of ${last}`;
      }),
  );
  return parts.length === 0 ? undefined : parts.join('; ');
}

/** What links refused because of the sender; undefined if nothing. */
export function refusedSendersText(links: readonly LinkRefusals[]): string | undefined {
  const found = refusalsText(links, ['sender'], () => '');
  return found && `refused because of the sender: ${found}`;
}

/** What links refused because of the key; undefined if nothing. */
export function refusedKeysText(links: readonly LinkRefusals[]): string | undefined {
  const found = refusalsText(links, KEY_REASONS, (reason) => ` ${reason}`);
  return found && `refused because of the key: ${found}`;
}

/** C has no word for it. */
function refusedLines(links: readonly LinkRefusals[]): string[] {
  return [refusedSendersText(links), refusedKeysText(links)].flatMap((text) => (text ? [`${text}\n`] : []));
}

const NOTHING: readonly string[] = [];

function* syncLines(request: number, snapshot: SyncSnapshot): Generator<string> {
  switch (request) {
    case Request.STATISTICS:
      yield generalText(snapshot.flows, snapshot);
      if (snapshot.standby !== undefined) yield standbyText(snapshot.standby);
      if (snapshot.sharedFlows !== undefined) yield sharedFlowsText(snapshot.sharedFlows);
      // C has no word for it.
      if (snapshot.network.peer.old)
        yield `peer: ${oldPeerText(snapshot.network.peer)}
`;
      yield* refusedLines(snapshot.links);
      if (snapshot.role !== undefined) yield roleText(snapshot.role);
      break;
    case Request.STATISTICS_EXPECT:
      if (snapshot.expectations !== undefined) yield generalText(snapshot.expectations, snapshot);
      break;
    case Request.STATISTICS_NETWORK:
      yield networkText(snapshot.network) + activeLinksText(snapshot.links);
      break;
    case Request.STATISTICS_CACHE:
      yield sideText(snapshot.flows.internal, cacheDetailText);
      yield sideText(snapshot.flows.external, cacheDetailText);
      break;
    case Request.STATISTICS_LINK:
      for (const link of snapshot.links) yield linkText(link);
      break;
    case Request.STATISTICS_QUEUE:
      yield queuesText(snapshot.queues);
      break;
    case Request.STATISTICS_RSQUEUE:
      yield* snapshot.resendQueue === undefined ? NOTHING : resendQueueLines(snapshot.resendQueue);
      break;
  }
}

/**
 * The answer to a request for statistics, in pieces. Nothing where the node's mode has not got what is asked for, as
 * with the C node: in Stats mode all but the cache, traffic, runtime and processes; with a Helper clause alone, all but
 * the last two; `rsqueue` outside FT-FW; `expect` without ExpectationSync.
 */
export function* statisticsLines(request: number, snapshot: Snapshot): Generator<string> {
  if (request === Request.STATISTICS_RUNTIME) {
    yield runtimeText(snapshot.runtime);
  } else if (request === Request.STATISTICS_PROCESS) {
    yield processesText(snapshot.processes);
  } else if (snapshot.mode === 'sync') {
    yield* syncLines(request, snapshot);
  } else if (snapshot.mode === 'helper') {
    // Of a node that has helpers alone, C prints nothing more.
  } else if (request === Request.STATISTICS) {
    yield cacheText(snapshot.cache) + trafficText(snapshot.traffic);
  } else if (request === Request.STATISTICS_CACHE) {
    yield cacheDetailText(snapshot.cache);
  }
}

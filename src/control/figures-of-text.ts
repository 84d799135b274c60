/** Reads the statistics that a node prints, C's or ours: `statistics.ts` writes them. */

import type { CacheFigures, NodeFigures, SidesFigures } from './node-figures.ts';
import type {
  BypassStatistics,
  InjectStatistics,
  LinkStatistics,
  LinkStatus,
  LinkTransport,
  NetworkStatistics,
  QueuesStatistics,
  RuntimeStatistics,
  TrafficStatistics,
} from './snapshot.ts';

/** The answers to the requests for statistics; empty where the node's mode has none. */
export interface StatisticsTexts {
  readonly general: string;
  readonly cache: string;
  readonly network: string;
  readonly runtime: string;
  readonly link: string;
  readonly queue: string;
  readonly expectations: string;
}

/** The numbers behind a label, wherever the line has them: `created: 12 failed: 0` has two. Empty where it is not there. */
function numbersAfter(text: string, label: string): number[] {
  const line = text.split('\n').find((each) => each.trimStart().startsWith(label));
  if (line === undefined) return [];
  const rest = line.slice(line.indexOf(label) + label.length);
  return [...rest.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

function numberAfter(text: string, label: string): number {
  return numbersAfter(text, label)[0] ?? 0;
}

/** The number before `words`. */
function numberBefore(text: string, words: string): number {
  return Number(new RegExp(`(\\d+) ${words}`).exec(text)?.[1] ?? 0);
}

/** The block that begins with `heading`, to the next empty line; undefined if there is none. */
function block(text: string, heading: string): string | undefined {
  const start = text.startsWith(heading) ? 0 : text.indexOf(`\n${heading}`) + 1;
  if (start === 0 && !text.startsWith(heading)) return undefined;
  const end = text.indexOf('\n\n', start);
  return text.slice(start, end < 0 ? undefined : end);
}

/** As `-s cache` has it. */
function detailedCache(text: string, name: string): CacheFigures | undefined {
  const own = block(text, `cache:${name}`);
  if (own === undefined) return undefined;
  const pair = (label: string) => {
    const [good = 0, bad = 0] = numbersAfter(own, label);
    return [good, bad] as const;
  };
  const [active, entries] = pair('active/total entries:');
  const [created, createFailed] = pair('creation OK/failed:');
  const [updated, updateFailed] = pair('update OK/failed:');
  const [destroyed, destroyFailed] = pair('deletion created/failed:');
  const [, updatePart = '', destroyPart = ''] = own.split(/update OK|deletion created/);
  return {
    kind: 'cache',
    name,
    objects: numberAfter(own.slice(own.indexOf('active objects:')), 'active objects:'),
    active,
    entries,
    created,
    createFailed,
    createNoMemory: numberAfter(own, 'no memory available:'),
    createNoSpace: numberAfter(own, 'no space left in cache:'),
    updated,
    updateFailed,
    updateNotFound: numberAfter(updatePart, 'entry not found:'),
    destroyed,
    destroyFailed,
    destroyNotFound: numberAfter(destroyPart, 'entry not found:'),
  };
}

/** As `-s` has it. */
function cacheOf(text: string, name: string): CacheFigures | undefined {
  const own = block(text, `cache ${name}:`);
  if (own === undefined) return undefined;
  const [created = 0, createFailed = 0] = numbersAfter(own, 'connections created:');
  const [updated = 0, updateFailed = 0] = numbersAfter(own, 'connections updated:');
  const [destroyed = 0, destroyFailed = 0] = numbersAfter(own, 'connections destroyed:');
  return {
    kind: 'cache',
    name,
    active: numberAfter(own, 'current active connections:'),
    ...{ created, createFailed, updated, updateFailed, destroyed, destroyFailed },
  };
}

function bypassOf(text: string): BypassStatistics | undefined {
  const own = block(text, 'internal bypass:');
  if (own === undefined) return undefined;
  return {
    kind: 'bypass',
    created: numberAfter(own, 'connections new:'),
    updated: numberAfter(own, 'connections updated:'),
    destroyed: numberAfter(own, 'connections destroyed:'),
  };
}

function injectOf(text: string): InjectStatistics | undefined {
  const own = block(text, 'external inject:');
  if (own === undefined) return undefined;
  const [created = 0, createFailed = 0] = numbersAfter(own, 'connections created:');
  const [updated = 0, updateFailed = 0] = numbersAfter(own, 'connections updated:');
  const [destroyed = 0, destroyFailed = 0] = numbersAfter(own, 'connections destroyed:');
  return { kind: 'inject', created, createFailed, updated, updateFailed, destroyed, destroyFailed };
}

function sidesOf(general: string, detailed: string): SidesFigures | undefined {
  const internal = detailedCache(detailed, 'internal') ?? cacheOf(general, 'internal') ?? bypassOf(general);
  const external = detailedCache(detailed, 'external') ?? cacheOf(general, 'external') ?? injectOf(general);
  return internal && external && { internal, external };
}

function trafficOf(general: string): TrafficStatistics | undefined {
  const own = block(general, 'traffic processed:');
  return own === undefined
    ? undefined
    : { bytes: numberBefore(own, 'Bytes'), packets: numberBefore(own, 'Pckts') };
}

/** @param general has what the list of links lacks: which ends of a TCP link are connected */
function linksOf(link: string, general: string): LinkStatistics[] {
  const ends = /server=(\w+) client=(\w+)/.exec(general);
  return [...link.matchAll(/^(\S+) traffic device=(\S+) status=(\S+) role=(\S+):\n((?: .*\n?)*)/gm)].map(
    ([, transport, device, status, role, counters]) => {
      const active = role === 'ACTIVE';
      return {
        transport: transport as LinkTransport,
        device: device!,
        // C has no text of it, and ours sums it up by line.
        refused: {},
        status: status as LinkStatus,
        active,
        bytesSent: numberBefore(counters!, 'Bytes sent'),
        bytesReceived: numberBefore(counters!, 'Bytes recv'),
        packetsSent: numberBefore(counters!, 'Pckts sent'),
        packetsReceived: numberBefore(counters!, 'Pckts recv'),
        errorsSent: numberBefore(counters!, 'Error send'),
        errorsReceived: numberBefore(counters!, 'Error recv'),
        ...(active &&
          ends && { serverConnected: ends[1] === 'connected', clientConnected: ends[2] === 'connected' }),
      };
    },
  );
}

function networkOf(text: string): Partial<NetworkStatistics> | undefined {
  if (block(text, 'network statistics:') === undefined) return undefined;
  const [, received = '', sent = ''] = text.split(/^\t(?:recv|send):$/m);
  return {
    malformed: numberAfter(received, 'Malformed messages:'),
    badVersion: numberAfter(received, 'Wrong protocol version:'),
    badHeader: numberAfter(received, 'Malformed header:'),
    badPayload: numberAfter(received, 'Malformed payload:'),
    badType: numberAfter(received, 'Bad message type:'),
    truncated: numberAfter(received, 'Truncated message:'),
    badSize: numberAfter(received, 'Bad message size:'),
    sendMalformed: numberAfter(sent, 'Malformed messages:'),
    lost: numberAfter(text, 'Packets lost:'),
    before: numberAfter(text, 'Packets before:'),
  };
}

/** Without the time since the start, which is printed in whole minutes. */
function runtimeOf(text: string): Partial<RuntimeStatistics> | undefined {
  if (text === '') return undefined;
  return {
    eventsReceived: numberAfter(text, 'events received:'),
    eventsFiltered: numberAfter(text, 'events filtered:'),
    eventsUnknownType: numberAfter(text, 'events unknown type:'),
    eventsFailed: numberAfter(text, 'catch event failed:'),
    dumpUnknownType: numberAfter(text, 'dump unknown type:'),
    overruns: numberAfter(text, 'netlink overrun:'),
    kernelFlushes: numberAfter(text, 'flush kernel table:'),
    kernelResyncs: numberAfter(text, 'resync with kernel table:'),
    bufferSize: numberAfter(text, 'current buffer size (in bytes):'),
    childFailed: numberAfter(text, 'child process failed:'),
    childSegfault: numberAfter(text, 'child process segfault:'),
    childTerminated: numberAfter(text, 'child process termsig:'),
    selectFailed: numberAfter(text, 'select failed:'),
    waitFailed: numberAfter(text, 'wait failed:'),
    localReadFailed: numberAfter(text, 'local read failed:'),
    localUnknownRequest: numberAfter(text, 'local unknown request:'),
  };
}

function queuesOf(text: string): QueuesStatistics | undefined {
  if (text === '') return undefined;
  const parts = text.split(/^queue /m);
  return {
    nodes: numberAfter(parts[0]!, 'allocated queue nodes:'),
    queues: parts.slice(1).map((part) => ({
      name: /^[^:\s]*/.exec(part)![0],
      elements: numberAfter(part, 'current elements:'),
      maximum: numberAfter(part, 'maximum elements:'),
      noSpace: numberAfter(part, 'not enough space errors:'),
    })),
  };
}

/** What the texts tell; a member is absent where they do not have it. */
export function figuresOfText(texts: StatisticsTexts): NodeFigures {
  const { general, cache, network, runtime, link, queue, expectations } = texts;
  const common = { runtime: runtimeOf(runtime), traffic: trafficOf(general) };
  const stats = detailedCache(cache, 'stats') ?? cacheOf(general, 'stats');
  if (stats !== undefined) return present({ mode: 'stats', ...common, cache: stats });
  const flows = sidesOf(general, cache);
  if (flows === undefined) return present({ mode: 'helper', ...common });
  return present({
    mode: 'sync',
    ...common,
    flows,
    expectations: sidesOf(expectations, ''),
    links: linksOf(link, general),
    network: networkOf(network),
    queues: queuesOf(queue),
  });
}

/** Without the members that are undefined. */
function present(
  figures: { readonly [Name in keyof NodeFigures]: NodeFigures[Name] | undefined },
): NodeFigures {
  return Object.fromEntries(
    Object.entries(figures).filter(([, value]) => value !== undefined),
  ) as unknown as NodeFigures;
}

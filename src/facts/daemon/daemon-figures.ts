/** Figures out of the statistics texts of a node, C or ours: both print the same. */

/** The answers of a running daemon, C or ours, as text; empty where it had none. */
export interface DaemonAnswers {
  readonly runtime: string;
  readonly general: string;
  readonly cache: string;
  readonly network: string;
  readonly link: string;
  readonly queue: string;
}

/** Statistics of a running daemon; undefined where its mode has no such figure. */
export interface DaemonFigures {
  /** Seconds since its start; of a C node whole minutes. */
  readonly uptimeSeconds: number | undefined;
  /** Live flows by cache: `internal`, `external`, `stats`. */
  readonly flows: Readonly<Record<string, number>>;
  /** Events lost because the receive buffer was full. */
  readonly overruns: number | undefined;
  readonly eventsFailed: number | undefined;
  /** Bytes. */
  readonly eventBuffer: number | undefined;
  /** By cache: records refused because of HashLimit. */
  readonly noSpace: readonly (readonly [cache: string, count: number])[];
  readonly malformed: number | undefined;
  readonly lost: number | undefined;
  /** What to print about an old peer; undefined: nothing. */
  readonly oldPeer: string | undefined;
  readonly links: readonly LinkFigures[];
  /** By queue. */
  readonly queues: readonly QueueFigures[];
}

export interface LinkFigures {
  readonly device: string;
  /** `RUNNING`, `NO-CARRIER`, `DOWN`. */
  readonly status: string;
  readonly active: boolean;
  readonly packetsReceived: number;
  readonly errorsSent: number;
  readonly errorsReceived: number;
}

export interface QueueFigures {
  readonly name: string;
  readonly elements: number;
  readonly maximum: number;
  readonly noSpace: number;
}

/** The number after `label:` in a text. */
function figure(text: string, label: string): number | undefined {
  const found = text.split('\n').find((line) => line.trim().startsWith(`${label}:`));
  const digits = /(\d+)\s*$/.exec(found ?? '');
  return digits ? Number(digits[1]) : undefined;
}

/** `daemon uptime: 2 days 3 h 5 min`. */
function uptimeIn(text: string): number | undefined {
  const line = /uptime:.*/.exec(text)?.[0];
  if (line === undefined) return undefined;
  const units = { d: 86_400, h: 3600, m: 60, s: 1 };
  let seconds = 0;
  for (const [, number, unit] of line.matchAll(/(\d+)\s*([dhms])/g))
    seconds += Number(number) * units[unit as keyof typeof units];
  return seconds;
}

function flowsIn(text: string): Record<string, number> {
  const found = text.matchAll(/^cache (\w+):\n[^\S\n]*current active connections:\s+(\d+)/gm);
  return Object.fromEntries([...found].map(([, name, count]) => [name!, Number(count)]));
}

function noSpaceIn(text: string): [string, number][] {
  return text
    .split(/^cache:/m)
    .slice(1)
    .map((part) => [/^\S*/.exec(part)![0], figure(part, 'no space left in cache') ?? 0]);
}

/** The number before `words`. */
function before(text: string, words: string): number {
  return Number(new RegExp(`(\\d+) ${words}`).exec(text)?.[1] ?? 0);
}

/** The links in the text of `-s link`. */
export function linksIn(text: string): LinkFigures[] {
  return [...text.matchAll(/traffic device=(\S+) status=(\S+) role=(\S+):\n((?: .*\n)*)/g)].map(
    ([, device, status, role, counters]) => ({
      device: device!,
      status: status!,
      active: role === 'ACTIVE',
      packetsReceived: before(counters!, 'Pckts recv'),
      errorsSent: before(counters!, 'Error send'),
      errorsReceived: before(counters!, 'Error recv'),
    }),
  );
}

function queuesIn(text: string): QueueFigures[] {
  return text
    .split(/^queue /m)
    .slice(1)
    .map((part) => ({
      name: /^[^:\s]*/.exec(part)![0],
      elements: figure(part, 'current elements') ?? 0,
      maximum: figure(part, 'maximum elements') ?? 0,
      noSpace: figure(part, 'not enough space errors') ?? 0,
    }));
}

export function daemonFiguresOf({
  runtime,
  general,
  cache,
  network,
  link,
  queue,
}: DaemonAnswers): DaemonFigures {
  return {
    uptimeSeconds: uptimeIn(runtime),
    flows: flowsIn(general),
    overruns: figure(runtime, 'netlink overrun'),
    eventsFailed: figure(runtime, 'catch event failed'),
    eventBuffer: figure(runtime, 'current buffer size (in bytes)'),
    noSpace: noSpaceIn(cache),
    malformed: figure(network, 'Malformed messages'),
    lost: figure(network, 'Packets lost'),
    oldPeer: /^peer: (.*)$/m.exec(general)?.[1],
    links: linksIn(link),
    queues: queuesIn(queue),
  };
}

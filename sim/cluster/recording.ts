import { Packr, Unpackr } from 'msgpackr';
import type { Fault } from './faults.ts';
import type { ClusterOptions } from './options.ts';
import { type Outcome, simulate } from './simulation.ts';
import type { TraceEvent } from './trace.ts';

const FORMAT = 'conntrackd-ts trace';
const VERSION = 1;

/** The head of a recording: all that determines the run. */
interface Head {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly options: ClusterOptions;
  /** Absent where the seed draws the faults. */
  readonly script?: readonly Fault[];
}

/** The end of a recording. */
interface Tail {
  readonly what: 'end';
  readonly steps: number;
  readonly time: number;
  readonly rule: string | undefined;
}

/** Plain MessagePack, one value after the other, which any reader can parse. */
const packr = new Packr({ useRecords: false });

/**
 * Plays a run and records all that happens in it: a head, every event in order, the end. The same options and faults
 * give the same bytes.
 */
export async function record(
  options: ClusterOptions,
  script?: readonly Fault[],
): Promise<{ outcome: Outcome; recording: Buffer }> {
  const head: Head = { format: FORMAT, version: VERSION, options, ...(script && { script }) };
  const parts: Buffer[] = [pack(head)];
  const outcome = await simulate(options, {
    script,
    // A datagram belongs to its sender and will be overwritten: it is packed at once.
    trace: (event) => parts.push(pack(event)),
  });
  parts.push(pack(tailOf(outcome)));
  return { outcome, recording: Buffer.concat(parts) };
}

export interface Replay {
  readonly outcome: Outcome;
  readonly events: number;
  /** The first place in which the replay differs; undefined if it is the same. */
  readonly difference:
    | { readonly index: number; readonly recorded: string; readonly replayed: string }
    | undefined;
}

/**
 * Replays a recorded run and compares it with the recording.
 * @throws Error that explains why a file is no recording
 */
export async function replay(recording: Uint8Array): Promise<Replay> {
  const { head, rest } = open(recording);
  const { outcome, recording: again } = await record(head.options, head.script);
  const difference = differenceBetween(recording, again);
  return { outcome, events: difference?.index ?? rest.length - 1, difference };
}

/** The first place in which the events of two recordings differ, whatever their options; undefined if in none. */
export function differenceBetween(one: Uint8Array, other: Uint8Array): Replay['difference'] {
  const [recorded, replayed] = [open(one).rest, open(other).rest];
  const length = Math.max(recorded.length, replayed.length);
  for (let index = 0; index < length; index++) {
    const [first, second] = [recorded[index], replayed[index]].map((value) =>
      value === undefined ? undefined : pack(value),
    );
    if (first !== undefined && second !== undefined && first.equals(second)) continue;
    return { index, recorded: text(recorded[index]), replayed: text(replayed[index]) };
  }
  return undefined;
}

function open(recording: Uint8Array): { head: Head; rest: readonly (TraceEvent | Tail)[] } {
  let values: unknown[];
  try {
    values = new Unpackr({ useRecords: false }).unpackMultiple(recording) as unknown[];
  } catch (error) {
    throw new Error(`this is no recording of a run: not MessagePack (${String(error)})`);
  }
  const [head, ...rest] = values as [Head | undefined, ...(TraceEvent | Tail)[]];
  if (head?.format !== FORMAT)
    throw new Error(`this is no recording of a run: it does not begin with "${FORMAT}"`);
  if (head.version !== VERSION)
    throw new Error(`this recording has version ${head.version}; version ${VERSION} can be replayed`);
  return { head, rest };
}

function pack(value: unknown): Buffer {
  // The packer's buffer is used again.
  return Buffer.from(packr.pack(value));
}

function tailOf({ steps, time, violation }: Outcome): Tail {
  return { what: 'end', steps, time, rule: violation?.rule };
}

function text(value: unknown): string {
  if (value === undefined) return '(nothing)';
  return JSON.stringify(value, (_, part) =>
    part instanceof Uint8Array || part?.type === 'Buffer'
      ? Buffer.from(part.data ?? part).toString('hex')
      : part,
  );
}

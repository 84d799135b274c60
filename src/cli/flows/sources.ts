/** Where flows are read from. */

import { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { askDaemon } from '../../control/client.ts';
import { jsonForm, Request } from '../../control/codes.ts';
import type { Flow } from '../../flow/flow.ts';
import { listFlow } from '../../flow/listed/from-flow.ts';
import { ListedFlow, UNKNOWN } from '../../flow/listed/listed-flow.ts';
import { parseFlowLine } from '../../flow/listed/parse-line.ts';
import { type KernelFilter, type ListingSink, TableListing } from '../../kernel/listing/table-listing.ts';

/** What a read came to. */
export interface ReadOutcome {
  /** What is wrong with what was read: the table was resized again and again, lines that mean nothing. */
  readonly remarks: readonly string[];
}

/** A flow is valid until `take` returns. */
export interface FlowReader extends ListingSink {
  /** Called now and then; what it gives is waited for. True: it wants no more. */
  readonly pause?: () => boolean | Promise<boolean>;
}

/** Reads flows, and waits whenever the reader wants a pause. */
export type FlowSource = (filter: KernelFilter, reader: FlowReader) => Promise<ReadOutcome>;

/** For how long a read keeps the process, in milliseconds. */
const TURN_MS = 40;

/** The kernel's table of this network namespace. */
export const kernelSource: FlowSource = async (filter, reader) => {
  const { pause } = reader;
  const listing = new TableListing(filter);
  try {
    let turn = performance.now();
    while (!listing.step(reader)) {
      if (pause !== undefined && (await pause())) return { remarks: [] };
      if (performance.now() - turn > TURN_MS) {
        await setImmediate();
        turn = performance.now();
      }
    }
    await pause?.();
    const remarks: string[] = [];
    if (listing.interrupted) remarks.push('the table was resized again and again: flows may be missing');
    if (listing.malformed > 0) remarks.push(`${listing.malformed} messages of the kernel could not be read`);
    return { remarks };
  } finally {
    listing.close();
  }
};

export type CacheName = 'internal' | 'external';

const REQUESTS: Readonly<Record<CacheName, number>> = {
  internal: Request.DUMP_INTERNAL_CT,
  external: Request.DUMP_EXTERNAL_CT,
};

/** Milliseconds without an answer of the daemon until it counts as stopped. */
const SILENCE_MS = 60_000;

/**
 * A cache of the daemon that listens on a control socket. Ours tells all it knows as JSON; a C node knows no such request and
 * answers nothing, so it is asked for its lines. (Its statistics count an unknown request.)
 */
export function cacheSource(path: string, cache: CacheName): FlowSource {
  return async (_, reader) => {
    const request = REQUESTS[cache];
    const json = new LineReader(reader, (line) => JSON.parse(line) as Flow);
    await askDaemon(path, jsonForm(request)!, json, SILENCE_MS);
    if (json.lines > 0 || json.isDone) return { remarks: json.remarks };
    const text = new LineReader(reader, parseFlowLine);
    await askDaemon(path, request, text, SILENCE_MS);
    return { remarks: text.remarks };
  };
}

/** Longest line of a dump, in characters. */
const LINE_MAX = 65_536;

/** Takes a dump as it comes, and passes on the flow of each line. */
class LineReader extends Writable {
  lines = 0;
  isDone = false;
  private readonly reader: FlowReader;
  private readonly parse: (line: string) => Flow | undefined;
  private readonly flow = new ListedFlow();
  private readonly none = new Uint8Array(0);
  private rest = '';
  private unread = 0;

  constructor(reader: FlowReader, parse: (line: string) => Flow | undefined) {
    super();
    this.reader = reader;
    this.parse = parse;
  }

  get remarks(): readonly string[] {
    return this.unread === 0 ? [] : [`${this.unread} lines of the daemon could not be read`];
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    const lines = (this.rest + chunk.toString('latin1')).split('\n');
    this.rest = lines.pop()!;
    if (this.rest.length > LINE_MAX) this.rest = '';
    for (const line of lines) this.line(line);
    Promise.resolve(this.reader.pause?.() ?? false).then(
      (enough) => {
        if (enough) {
          this.isDone = true;
          this.destroy();
        }
        done();
      },
      (error: Error) => done(error),
    );
  }

  private line(line: string): void {
    if (line === '') return;
    this.lines++;
    if (this.read(line)) this.reader.take(this.flow, this.none);
    else this.unread++;
  }

  private read(line: string): boolean {
    try {
      const flow = this.parse(line);
      if (flow === undefined) return false;
      listFlow(flow, this.flow);
      // It is of the time of the last event.
      this.flow.timeout = UNKNOWN;
      return true;
    } catch {
      return false;
    }
  }
}

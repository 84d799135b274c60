import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { type OutputStreams, SharedOptions, withOptions } from '../options/shared-options.ts';
import { type DecodeOptions, LineDecoder } from './line-decoder.ts';
import { OutputClosed, type Write, writer } from './output.ts';
import { dissect } from './packet.ts';
import { CaptureError, readCapture, TruncatedCaptureError } from './pcap.ts';
import { tallyText } from './tally.ts';

export interface Streams extends OutputStreams {
  readonly stdin: Readable;
}

const USAGE = `Usage: conntrackd-ts decode [--json] [--port N] FILE...|--interface NAME
Prints the replication messages in capture files (pcap, pcapng), one a line; \`-' is standard input.
  --interface NAME, instead those on this interface as they come, in both directions, until it is interrupted (root, or CAP_NET_RAW)
  --json, one JSON object a line
  --port N, what goes from or to this port alone; otherwise all that is made of messages, and ports 3780 and 3781
Behind the messages a line on standard error tells how many there were, and what could not be read.

Examples:
  conntrackd-ts decode --json capture.pcap
  conntrackd-ts decode --interface eth2
`;

async function decodeFile(
  name: string,
  options: DecodeOptions,
  { stdin, stderr }: Streams,
  write: Write,
): Promise<0 | 1> {
  const decoder = new LineDecoder(options);
  const { tally } = decoder;
  const shown = name === '-' ? 'standard input' : name;
  try {
    const chunks: AsyncIterable<Uint8Array> = name === '-' ? stdin : createReadStream(name);
    for await (const frame of readCapture(chunks)) {
      const lines = decoder.take(frame, dissect(frame.linkType, frame.bytes));
      if (lines !== '') await write(lines);
    }
  } catch (error) {
    if (error instanceof OutputClosed) throw error;
    if (error instanceof TruncatedCaptureError) {
      stderr.write(`${shown}: ${tallyText(tally)}; ${error.message}\n`);
      return 0;
    }
    const isKnown = error instanceof CaptureError || (error as NodeJS.ErrnoException).code !== undefined;
    if (!isKnown) throw error;
    const before = tally.frames > 0 ? ` (behind ${tallyText(tally)})` : '';
    stderr.write(`${shown}: ${(error as Error).message}${before}\n`);
    return 1;
  }
  stderr.write(`${shown}: ${tallyText(tally)}\n`);
  return 0;
}

const { help, json } = SharedOptions;

interface Parsed extends DecodeOptions {
  readonly files: readonly string[];
  /** To be heard instead of reading files. */
  readonly interface: string | undefined;
}

/** Undefined where help was asked for. @throws RangeError, Error that says what is wrong with the arguments */
function parse(args: readonly string[]): Parsed | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      interface: { type: 'string' },
      json,
      port: { type: 'string' },
      help,
    },
  });
  if (values.help) return undefined;
  const isLive = values.interface !== undefined;
  if (isLive && positionals.length > 0) {
    throw new RangeError(`either --interface or files, not both: ${positionals.join(' ')}`);
  }
  if (!isLive && positionals.length === 0) {
    throw new RangeError('no capture file given, and no --interface');
  }
  return {
    json: values.json ?? false,
    port: portOf(values.port),
    files: positionals,
    interface: values.interface,
  };
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 0xffff) {
    throw new RangeError(`--port ${text}: expected a number from 1 to 65535`);
  }
  return port;
}

/**
 * `decode [--json] [--port N] FILE...|--interface NAME`: prints the messages in capture files or on an interface on standard
 * output, and for each file, or at the end, a line about what was there on standard error. Resolves to the exit code: 1 for wrong
 * arguments, or if a file could not be read or is no capture, or the interface cannot be heard; 0 otherwise, whatever the messages are.
 */
export function runDecode(args: readonly string[], streams: Streams): Promise<0 | 1> {
  const words = { name: 'decode', usage: USAGE, wrong: 1 } as const;
  return withOptions(
    words,
    streams,
    () => parse(args),
    (parsed) => decode(parsed, streams),
  );
}

async function decode(parsed: Parsed, streams: Streams): Promise<0 | 1> {
  const write = writer(streams.stdout);
  let code: 0 | 1 = 0;
  try {
    if (parsed.interface !== undefined) {
      // Loaded here only: files need nothing native.
      const { decodeInterface } = await import('./live.ts');
      return await decodeInterface(parsed.interface, parsed, streams.stderr, write);
    }
    for (const file of parsed.files) {
      if ((await decodeFile(file, parsed, streams, write)) === 1) code = 1;
    }
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  }
  return code;
}

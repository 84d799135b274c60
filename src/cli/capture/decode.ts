import { createReadStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import type { Flow, Translation } from '../../flow/flow.ts';
import { expectationJson, flowJson } from '../../flow/json.ts';
import { expectationTextWithTimeout, flowTextWithTimeout } from '../../flow/text.ts';
import { type CapturedMessage, isReplication, messagesIn } from './messages.ts';
import { dissect, type Endpoint } from './packet.ts';
import { CaptureError, type Frame, readCapture, TruncatedCaptureError } from './pcap.ts';
import { TcpStreams } from './tcp-streams.ts';

export interface Streams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** The ports of the examples that come with the C node: Port and Group of one link and of a second one. */
const USUAL_PORTS: ReadonlySet<number> = new Set([3780, 3781]);

const USAGE = `Usage: conntrackd-ts decode [--json] [--port N] FILE...
Prints the replication messages in capture files (pcap, pcapng), one a line; \`-' is standard input.
  --json, one JSON object a line
  --port N, what goes from or to this port alone; otherwise all that is made of messages, and ports 3780 and 3781
`;

/** Where and when a message was seen. */
interface Sighting {
  readonly frame: Pick<Frame, 'seconds' | 'nanoseconds'>;
  readonly transport: 'udp' | 'tcp';
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

/** What was seen in a capture beside the messages. */
interface Tally {
  frames: number;
  messages: number;
  malformed: number;
  fragments: number;
  /** Frames of a link whose headers are not known, by its LINKTYPE number. */
  readonly unknownLinks: Map<number, number>;
  /** Bytes of TCP streams that the capture lacks. */
  missing: number;
  /** Datagrams and segments that the capture cut short. */
  cut: number;
}

/**
 * Time as ISO 8601 in UTC, with microseconds, or nanoseconds where there are any. A time beyond the calendar is given
 * in seconds.
 */
export function timeText({ seconds, nanoseconds }: Pick<Frame, 'seconds' | 'nanoseconds'>): string {
  const fraction = String(nanoseconds).padStart(9, '0').replace(/000$/, '');
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `${seconds}.${fraction}`;
  return `${date.toISOString().replace(/\.000Z$/, '')}.${fraction}Z`;
}

function endpointText({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function translationText(name: string, translation: Translation | undefined): string {
  if (translation === undefined) return '';
  const { address = '', port } = translation;
  return ` ${name}=${port === undefined ? address : endpointText({ address, port })}`;
}

/** A flow that was received has no reply tuple: what its ends were translated to stands in its place. */
function flowLineText(flow: Flow): string {
  const { sourceNat, destinationNat } = flow;
  return (
    flowTextWithTimeout(flow) + translationText('snat', sourceNat) + translationText('dnat', destinationNat)
  );
}

function messageText(message: CapturedMessage): string {
  if ('malformed' in message) return `malformed (${message.length} bytes): ${message.malformed}`;
  const { sequence, type, flags, range, flow, expectation } = message;
  let text = `seq=${sequence} ${type}`;
  if (flags.length > 0) text += ` ${flags.join(',')}`;
  if (range) text += ` ${range.from}-${range.to}`;
  if (flow) text += ` ${flowLineText(flow)}`;
  if (expectation) text += ` ${expectationTextWithTimeout(expectation)}`;
  return text;
}

function lineText({ frame, source, destination }: Sighting, message: CapturedMessage): string {
  return `${timeText(frame)} ${endpointText(source)} -> ${endpointText(destination)} ${messageText(message)}\n`;
}

function lineJson({ frame, transport, source, destination }: Sighting, message: CapturedMessage): string {
  const place = { time: timeText(frame), transport, source, destination };
  if ('malformed' in message) return `${JSON.stringify({ ...place, ...message })}\n`;
  const { flow, expectation, ...rest } = message;
  const head = JSON.stringify({ ...place, ...rest });
  if (flow) return `${head.slice(0, -1)},"flow":${flowJson(flow)}}\n`;
  if (expectation) return `${head.slice(0, -1)},"expectation":${expectationJson(expectation)}}\n`;
  return `${head}\n`;
}

export interface DecodeOptions {
  readonly json: boolean;
  /** Undefined: whatever is made of messages, and the usual ports. */
  readonly port: number | undefined;
}

/** The lines of one capture. The tally is filled as they are made. */
async function* captureLines(
  chunks: AsyncIterable<Uint8Array>,
  { json, port }: DecodeOptions,
  tally: Tally,
): AsyncGenerator<string> {
  const line = json ? lineJson : lineText;
  let lines = '';
  let frame: Frame | undefined;
  const put = (sighting: Omit<Sighting, 'frame'>, payload: Uint8Array) => {
    for (const message of messagesIn(payload)) {
      tally.messages++;
      if ('malformed' in message) tally.malformed++;
      lines += line({ ...sighting, frame: frame! }, message);
    }
  };
  const streams = new TcpStreams({
    stretch: ({ source, destination }, bytes) => put({ transport: 'tcp', source, destination }, bytes),
    missing: (_, bytes) => {
      tally.missing += bytes;
    },
  });
  const isWanted = ({ port: from }: Endpoint, { port: to }: Endpoint): boolean =>
    port === undefined ? USUAL_PORTS.has(from) || USUAL_PORTS.has(to) : from === port || to === port;

  for await (frame of readCapture(chunks)) {
    tally.frames++;
    const packet = dissect(frame.linkType, frame.bytes);
    if (packet.kind === 'fragment') tally.fragments++;
    if (packet.kind === 'unknown-link') {
      tally.unknownLinks.set(frame.linkType, (tally.unknownLinks.get(frame.linkType) ?? 0) + 1);
    }
    if (packet.kind !== 'udp' && packet.kind !== 'tcp') continue;
    const { source, destination, payload } = packet;
    const wanted = isWanted(source, destination);
    if (port !== undefined && !wanted) continue;
    if (packet.kind === 'tcp') {
      streams.take(packet, wanted);
    } else if (wanted || isReplication(payload)) {
      put({ transport: 'udp', source, destination }, payload);
    }
    if (wanted && packet.cut > 0) tally.cut++;
    if (lines !== '') yield lines;
    lines = '';
  }
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function tallyText(tally: Tally): string {
  const { frames, messages, malformed, fragments, unknownLinks, missing, cut } = tally;
  const parts = [
    counted(messages, 'message', 'messages'),
    `${malformed} malformed`,
    counted(frames, 'frame', 'frames'),
  ];
  if (fragments > 0) parts.push(`${counted(fragments, 'fragment', 'fragments')} skipped`);
  if (cut > 0) parts.push(`${counted(cut, 'packet', 'packets')} cut short by the capture (tcpdump -s 0)`);
  if (missing > 0) parts.push(`${counted(missing, 'byte', 'bytes')} of TCP streams missing`);
  for (const [type, count] of unknownLinks) {
    parts.push(`${counted(count, 'frame', 'frames')} of unknown link type ${type} skipped`);
  }
  return parts.join(', ');
}

/** The reader of our output went away. */
class OutputClosed extends Error {}

/** Writes as fast as the reader takes it. */
function writer(output: Writable): (text: string) => Promise<void> {
  let closed = false;
  let wake: (() => void) | undefined;
  const gone = () => {
    closed = true;
    wake?.();
  };
  output.on('error', gone);
  output.on('close', gone);
  output.on('drain', () => wake?.());
  return async (text) => {
    if (closed) throw new OutputClosed();
    if (output.write(text)) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    if (closed) throw new OutputClosed();
  };
}

async function decodeFile(
  name: string,
  options: DecodeOptions,
  { stdin, stderr }: Streams,
  write: (text: string) => Promise<void>,
): Promise<0 | 1> {
  const tally: Tally = {
    frames: 0,
    messages: 0,
    malformed: 0,
    fragments: 0,
    unknownLinks: new Map(),
    missing: 0,
    cut: 0,
  };
  const shown = name === '-' ? 'standard input' : name;
  try {
    const chunks: AsyncIterable<Uint8Array> = name === '-' ? stdin : createReadStream(name);
    for await (const lines of captureLines(chunks, options, tally)) await write(lines);
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

interface Parsed extends DecodeOptions {
  readonly files: readonly string[];
}

function parse(args: readonly string[]): Parsed | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { json: { type: 'boolean' }, port: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return 'help';
  if (positionals.length === 0) throw new RangeError('no capture file given');
  return { json: values.json ?? false, port: portOf(values.port), files: positionals };
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
 * `decode [--json] [--port N] FILE...`: prints the messages in capture files on standard output, and for each file a
 * line about what was in it on standard error. Resolves to the exit code: 1 for wrong arguments, or if a file could not
 * be read or is no capture; 0 otherwise, whatever its messages are.
 */
export async function runDecode(args: readonly string[], streams: Streams): Promise<0 | 1> {
  let parsed: Parsed | 'help';
  try {
    parsed = parse(args);
  } catch (error) {
    streams.stderr.write(`decode: ${(error as Error).message.split('\n')[0]}\n${USAGE}`);
    return 1;
  }
  if (parsed === 'help') {
    streams.stdout.write(USAGE);
    return 0;
  }
  const write = writer(streams.stdout);
  let code: 0 | 1 = 0;
  try {
    for (const file of parsed.files) {
      if ((await decodeFile(file, parsed, streams, write)) === 1) code = 1;
    }
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  }
  return code;
}

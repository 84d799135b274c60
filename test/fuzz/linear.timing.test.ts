import { describe, expect, it } from 'vitest';
import { messagesIn } from '../../src/cli/capture/messages.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { findProtocol } from '../../src/helper/protocols.ts';
import { Transcoder } from '../../src/kernel/codec/transcode.ts';
import { kernelCounters } from '../../src/kernel/kernel.ts';
import { MessageStream } from '../../src/link/message-stream.ts';
import { canonicalise, checkRecord, EXPECTATION_FORMAT, FLOW_FORMAT } from '../../src/wire/record.ts';

/** Doublings from the smallest input, and what one may cost more than twice the one before: clocks are no scales. */
const DOUBLINGS = 4;
const SLACK = 2;

/** The least CPU time of several runs, in microseconds. */
const best = (work: () => void, runs = 7): number => {
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < runs; n++) {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, user + system);
  }
  return least;
};

/** Repeats a piece up to about so many bytes. */
const filled = (piece: readonly number[], size: number): Uint8Array =>
  Uint8Array.from(
    { length: Math.floor(size / piece.length) * piece.length },
    (_, n) => piece[n % piece.length]!,
  );

const out = new Uint8Array(4096);
const swallow = { stretch: 0 };
const transcoder = new Transcoder({ timeout: true, windowScale: true }, kernelCounters());

/** A helper, to which everything of a flow is said by the server's side or, as a request, by the client's. */
const inspects = (name: string, transport: 'tcp' | 'udp', direction: 'original' | 'reply') => {
  const protocol = findProtocol(name, transport)!;
  const ends = { family: 4, protocol: transport === 'tcp' ? Protocol.TCP : Protocol.UDP } as const;
  const flow = {
    original: {
      ...ends,
      source: '10.0.0.1',
      destination: '192.0.2.1',
      ports: { source: 700, destination: 111 },
    },
    reply: {
      ...ends,
      source: '192.0.2.1',
      destination: '10.0.0.1',
      ports: { source: 111, destination: 700 },
    },
    status: Status.CONFIRMED,
  };
  const tcp = transport === 'tcp' ? { tcp: { sequence: 1, flags: 16 } } : {};
  return (payload: Uint8Array): void => {
    const packet = { payload, direction, isEstablished: true, ...tcp };
    protocol.inspect(packet, flow, protocol.newState());
  };
};
const letters = (text: string): readonly number[] => [...Buffer.from(text, 'latin1')];

/** `most` is the greatest size that the decoder can be given. */
const CASES: readonly (readonly [string, number, (bytes: Uint8Array) => void, readonly number[]])[] = [
  [
    'marks of a flow',
    65_000,
    (bytes) => {
      checkRecord(FLOW_FORMAT, bytes, 0, bytes.length);
      canonicalise(FLOW_FORMAT, bytes, 0, bytes.length, out, 0);
    },
    [0, 8, 0, 7, 1, 2, 3, 4],
  ],
  [
    'names of an expectation',
    65_000,
    (bytes) => {
      checkRecord(EXPECTATION_FORMAT, bytes, 0, bytes.length);
      canonicalise(EXPECTATION_FORMAT, bytes, 0, bytes.length, out, 0);
    },
    [0, 32, 0, 20, ...new Array(27).fill(0x61), 0],
  ],
  [
    'messages without anything',
    65_000,
    (bytes) => {
      for (const _ of messagesIn(bytes)) swallow.stretch++;
    },
    [0x1a, 16, 0, 8, 0, 0, 0, 1],
  ],
  [
    'bytes of a stream that has lost its framing',
    120_000,
    (bytes) => void new MessageStream(() => swallow.stretch++).take(bytes),
    [0x1a, 0, 0xff],
  ],
  [
    'headers of a stream that lead nowhere',
    120_000,
    (bytes) => void new MessageStream(() => swallow.stretch++).take(bytes),
    [0x10, 0, 0, 9, 0, 0, 0, 0, 0x20],
  ],
  ['spaces in a command of FTP', 65_000, inspects('ftp', 'tcp', 'original'), letters('PORT ')],
  ['connections of Amanda', 65_000, inspects('amanda', 'udp', 'reply'), letters('CONNECT DATA ')],
  ['headers of UPnP', 65_000, inspects('ssdp', 'udp', 'original'), letters('HTTP/1.1 200\r\nLOCATION: ')],
  ['records of RPC', 65_000, inspects('rpc', 'tcp', 'original'), [0x80, 0, 0, 4, 0, 0, 0, 7]],
  [
    'attributes of a kernel message',
    1 << 20,
    (bytes) => void transcoder.flow(bytes, 0, bytes.length),
    [8, 0, 3, 0, 0, 0, 0, 1],
  ],
];

describe('twice the bytes cost twice the work', () => {
  it.each(CASES)('%s', (_name, most, decode, piece) => {
    const sizes = Array.from({ length: DOUBLINGS + 1 }, (_, n) => Math.floor(most / 2 ** (DOUBLINGS - n)));
    const inputs = sizes.map((size) => filled(piece, size));
    // Often enough for the clock, and the same number of times for all.
    const repeats = Math.ceil(
      2 /
        Math.max(
          best(() => decode(inputs[0]!)),
          0.001,
        ),
    );
    const times = inputs.map((bytes) =>
      best(() => {
        for (let n = 0; n < repeats; n++) decode(bytes);
      }),
    );
    expect(times.at(-1)! / times[0]!).toBeLessThan(SLACK * 2 ** DOUBLINGS);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { runDecode } from '../../src/cli/capture/decode.ts';
import { timeText } from '../../src/cli/capture/message-lines.ts';
import { messagesIn } from '../../src/cli/capture/messages.ts';
import { dissect } from '../../src/cli/capture/packet.ts';
import { CaptureError, readCapture } from '../../src/cli/capture/pcap.ts';
import { Attr } from '../../src/wire/attribute.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { Flag, MessageType, writeHeader } from '../../src/wire/header.ts';
import { explainMalformedRecord } from '../../src/wire/malformed-record.ts';
import { checkRecord, EXPECTATION_FORMAT, FLOW_FORMAT, Form } from '../../src/wire/record.ts';
import { tlv } from '../support/attributes.ts';
import { splitDatagram } from '../support/datagrams.ts';
import { capturedDatagrams } from '../support/fixtures.ts';
import {
  at,
  concat,
  ENDS,
  ENDS6,
  type Ends,
  ipv4,
  ipv6,
  LINKS,
  pcap,
  pcapng,
  TcpFlag,
  tcp,
  u32,
  udp,
} from './captures.ts';

const directory = mkdtempSync(join(tmpdir(), 'decode-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function decode(bytes: Uint8Array, ...args: readonly string[]) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const printed = Promise.all([text(stdout), text(stderr)]);
  const code = await runDecode([...args, '-'], { stdin: Readable.from([bytes]), stdout, stderr });
  stdout.end();
  stderr.end();
  const [out, errors] = await printed;
  return { code, lines: out.split('\n').slice(0, -1), errors };
}

function message(
  type: number,
  flags: number,
  sequence: number,
  body: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(8 + body.length);
  writeHeader(bytes, 0, type, flags, bytes.length, sequence);
  bytes.set(body, 8);
  return bytes;
}

const FLOW = encodeFlow({
  original: {
    family: 4,
    source: '192.168.0.2',
    destination: '192.0.2.1',
    protocol: 6,
    ports: { source: 33_333, destination: 443 },
  },
  status: 0x1e,
  timeout: 100,
  tcp: { state: 3 },
  sourceNat: { address: '198.51.100.1', port: 1025 },
});
const NEW = message(MessageType.CT_NEW, 0, 7, FLOW);
const ALIVE = message(MessageType.CONTROL, Flag.ALIVE, 8);
const ACK = message(MessageType.CONTROL, Flag.ACK, 9, concat(u32(1), u32(8)));

const WHEN = '2023-11-14T22:13:20.123456Z';
const NEW_LINE =
  'seq=7 CT_NEW tcp      6 100 ESTABLISHED src=192.168.0.2 dst=192.0.2.1 sport=33333 dport=443 [ASSURED]';

const { frame: ethernet } = LINKS.Ethernet!;
const over4 = (payload: Uint8Array, ends: Ends = ENDS) => ethernet(ipv4(ends, 17, udp(ends, payload)));

describe('decode prints a line for each message', () => {
  it('with the time, the ends, the sequence number, type, flags and what it is about', async () => {
    const { code, lines, errors } = await decode(pcap([at(over4(concat(NEW, ALIVE, ACK)))]));
    const ends = '10.0.0.1:40000 -> 10.0.0.2:3780';
    expect(lines).toEqual([
      `${WHEN} ${ends} ${NEW_LINE} snat=198.51.100.1:1025`,
      `${WHEN} ${ends} seq=8 CONTROL ALIVE`,
      `${WHEN} ${ends} seq=9 CONTROL ACK 1-8`,
    ]);
    expect(errors).toBe('standard input: 3 messages, 0 malformed, 1 frame\n');
    expect(code).toBe(0);
  });

  it('as JSON with --json, one object a line', async () => {
    const { lines } = await decode(pcap([at(over4(concat(NEW, ACK)))]), '--json');
    const [flow, ack] = lines.map((line) => JSON.parse(line));
    const place = {
      time: WHEN,
      transport: 'udp',
      source: { address: '10.0.0.1', port: 40_000 },
      destination: { address: '10.0.0.2', port: 3780 },
    };
    expect(flow).toMatchObject({
      ...place,
      sequence: 7,
      type: 'CT_NEW',
      flags: [],
      flow: { protocol: 'tcp', state: 'ESTABLISHED', sourceNat: { address: '198.51.100.1', port: 1025 } },
    });
    expect(ack).toEqual({
      ...place,
      sequence: 9,
      type: 'CONTROL',
      flags: ['ACK'],
      range: { from: 1, to: 8 },
    });
  });

  it('for every datagram that C nodes sent, alike in every kind of capture and link', async () => {
    const datagrams = capturedDatagrams();
    const expected = datagrams.reduce((count, { bytes }) => count + splitDatagram(bytes).length, 0);
    expect(expected).toBeGreaterThan(100);
    const messagesPart = (lines: readonly string[]) => lines.map((line) => line.slice(line.indexOf('seq=')));
    const wanted = datagrams.flatMap(({ bytes }) => [...messagesIn(bytes)]);
    expect(wanted.filter((found) => 'malformed' in found)).toEqual([]);

    let first: readonly string[] | undefined;
    const check = async (capture: Uint8Array) => {
      const { code, lines, errors } = await decode(capture);
      expect(errors).toContain(`${expected} messages, 0 malformed`);
      expect(code).toBe(0);
      first ??= messagesPart(lines);
      expect(messagesPart(lines)).toEqual(first);
    };
    for (const { type: linkType, frame } of Object.values(LINKS)) {
      const in4 = datagrams.map(({ bytes }) => at(frame(ipv4(ENDS, 17, udp(ENDS, bytes)))));
      const in6 = datagrams.map(({ bytes }) => at(frame(ipv6(ENDS6, 17, udp(ENDS6, bytes)))));
      await check(pcap(in4, { linkType }));
      await check(pcapng(in6, { linkType }));
    }
    const frames = datagrams.map(({ bytes }) => at(over4(bytes)));
    for (const littleEndian of [true, false]) {
      await check(pcap(frames, { littleEndian, nanoseconds: true }));
      await check(pcapng(frames, { littleEndian, resolution: 9 }));
      await check(pcapng(frames, { littleEndian, block: 'simple' }));
    }
  });

  it('with nanoseconds where the capture has them', async () => {
    const frames = [at(over4(ALIVE), 123_456_789)];
    for (const capture of [pcap(frames, { nanoseconds: true }), pcapng(frames, { resolution: 9 })]) {
      const { lines } = await decode(capture);
      expect(lines[0]).toMatch(/^2023-11-14T22:13:20\.123456789Z /);
    }
  });

  it('also when the input comes byte by byte', async () => {
    const capture = pcapng([at(over4(NEW)), at(over4(ALIVE))]);
    async function* bytewise() {
      for (const byte of capture) yield Uint8Array.of(byte);
    }
    const frames: number[] = [];
    for await (const { bytes } of readCapture(bytewise())) frames.push(bytes.length);
    expect(frames).toEqual([over4(NEW).length, over4(ALIVE).length]);
  });

  it('whatever IP has between its header and UDP', async () => {
    const body6 = udp(ENDS6, ALIVE);
    const frames = [
      ethernet(ipv4(ENDS, 17, udp(ENDS, ALIVE), { options: [0x94, 4, 0, 0] })),
      ethernet(
        ipv6(ENDS6, 17, body6, [
          { number: 0, bytes: [0, 0, 5, 2, 0, 0, 1, 0] },
          { number: 60, bytes: new Array(16).fill(0).map((_, n) => (n === 1 ? 1 : 0)) },
          { number: 44, bytes: [0, 0, 0, 0, 0, 0, 0, 1] },
        ]),
      ),
      // Short frames are padded.
      concat(over4(ALIVE), new Uint8Array(20)),
    ];
    const { lines } = await decode(pcap(frames.map((bytes) => at(bytes))));
    expect(lines).toHaveLength(3);
    expect(lines[1]).toContain('[fd00::1]:40000 -> [fd00::2]:3780 seq=8');
  });
});

describe('decode takes', () => {
  const elsewhere: Ends = { ...ENDS, destinationPort: 5000 };
  const dns = Uint8Array.from([0x1a, 0x2b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1]);

  it('messages on any port, and what is none only on the usual ones', async () => {
    const frames = [at(over4(NEW, elsewhere)), at(over4(dns, elsewhere)), at(over4(dns))];
    const { lines, errors } = await decode(pcap(frames));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain(':5000 seq=7');
    expect(lines[1]).toContain(':3780 malformed (19 bytes): ');
    expect(errors).toContain('2 messages, 1 malformed, 3 frames');
  });

  it('one port alone with --port', async () => {
    const frames = [at(over4(NEW, elsewhere)), at(over4(ALIVE)), at(over4(dns, elsewhere))];
    const { lines } = await decode(pcap(frames), '--port', '5000');
    expect(lines.map((line) => / (seq=\d+|malformed)/.exec(line)![1])).toEqual(['seq=7', 'malformed']);
  });

  it('several files, and goes on behind one that cannot be read', async () => {
    const path = join(directory, 'one.pcap');
    writeFileSync(path, pcap([at(over4(ALIVE))]));
    const { code, lines, errors } = await decode(pcap([at(over4(NEW))]), join(directory, 'none'), path);
    expect(code).toBe(1);
    expect(lines).toHaveLength(2);
    expect(errors.split('\n')[0]).toMatch(/none: ENOENT/);
  });
});

describe('decode reports what is wrong', () => {
  const reasons: readonly (readonly [string, Uint8Array, string])[] = [
    ['a header that is cut', Uint8Array.of(0x10, 0), 'malformed (2 bytes): 2 bytes, a header has 8'],
    [
      'a length beyond the end',
      Uint8Array.of(0x1a, 16, 0, 99, 0, 0, 0, 1),
      'its length is 99 bytes, and 8 are there',
    ],
    ['a length of nothing', Uint8Array.of(0x1a, 16, 0, 0, 0, 0, 0, 1), 'its length is 0 bytes, too few'],
    ['another version', Uint8Array.of(0x2a, 16, 0, 8, 0, 0, 0, 1), 'version 2, expected 1'],
    ['an unknown type', message(7, 0, 1), 'type 7 is not known'],
    ['flags that mean nothing', message(MessageType.CT_NEW, Flag.ALIVE, 1, FLOW), 'CT_NEW with flags 0x10'],
    [
      'a range that ends before it begins',
      message(MessageType.CONTROL, Flag.NACK, 1, concat(u32(9), u32(3))),
      'its range ends (3) before it begins (9)',
    ],
    [
      'an attribute of a wrong size',
      message(MessageType.CT_UPD, 0, 5, concat(FLOW, tlv(Attr.MARK, [1, 2]))),
      `CT_UPD seq=5: attribute 7 at byte ${8 + FLOW.length}: a value of 2 bytes, expected 4`,
    ],
    ['an unknown attribute', message(0, 0, 5, concat(FLOW, tlv(40, [1, 2, 3, 4]))), 'its type is not known'],
    ['a flow without addresses', message(0, 0, 5, concat(tlv(Attr.L4PROTO, [6]))), 'addresses or protocol'],
    [
      'a text without its end',
      message(0, 0, 5, concat(FLOW, tlv(Attr.HELPER_NAME, [102, 116, 112]))),
      'a text without its NUL',
    ],
  ];
  it.each(reasons)('%s', async (_, payload, reason) => {
    const { lines, errors, code } = await decode(pcap([at(over4(payload))]));
    expect(lines).toEqual([expect.stringContaining(reason)]);
    expect(errors).toContain('1 message, 1 malformed');
    expect(code).toBe(0);
  });

  it('and goes on behind a message that is whole but means nothing', async () => {
    const { lines } = await decode(pcap([at(over4(concat(message(7, 0, 1), ALIVE)))]));
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain('seq=8 CONTROL ALIVE');
  });

  it('exactly where the daemon finds a record malformed', () => {
    const valid = fc.constantFrom(...capturedDatagrams().flatMap(({ bytes }) => splitDatagram(bytes)));
    const broken = fc
      .tuple(valid, fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }))
      .map(([bytes, changes]) => {
        const changed = bytes.slice(8);
        for (const [place, value] of changes) if (place < changed.length) changed[place] = value;
        return changed;
      });
    const records = fc.oneof(broken, fc.uint8Array({ maxLength: 100 }));
    let malformed = 0;
    fc.assert(
      fc.property(fc.constantFrom(FLOW_FORMAT, EXPECTATION_FORMAT), records, (format, bytes) => {
        const isMalformed = checkRecord(format, bytes, 0, bytes.length) === Form.MALFORMED;
        if (isMalformed) malformed++;
        expect(explainMalformedRecord(format, bytes, 0, bytes.length) !== undefined).toBe(isMalformed);
      }),
      { numRuns: 1000 },
    );
    expect(malformed).toBeGreaterThan(50);
  });

  it('fragments, and links that it does not know, are counted', async () => {
    const fragments = [
      ethernet(ipv4(ENDS, 17, udp(ENDS, NEW), { fragment: 0x2000 })),
      ethernet(ipv4(ENDS, 17, new Uint8Array(64), { fragment: 8 })),
      ethernet(ipv6(ENDS6, 17, udp(ENDS6, NEW), [{ number: 44, bytes: [0, 0, 0, 1, 0, 0, 0, 1] }])),
    ];
    const { lines, errors } = await decode(pcap(fragments.map((bytes) => at(bytes))));
    expect(lines).toEqual([]);
    expect(errors).toContain('3 fragments skipped');
    const wireless = await decode(pcap([at(over4(NEW))], { linkType: 105 }));
    expect(wireless.errors).toContain('1 frame of unknown link type 105 skipped');
  });

  it('a packet that the capture cut short', async () => {
    const { lines, errors } = await decode(pcap([at(over4(NEW).subarray(0, 80))]));
    expect(lines).toEqual([expect.stringContaining('malformed')]);
    expect(errors).toContain('1 packet cut short by the capture');
  });

  it('a file that is no capture: one line, and exit code 1', async () => {
    for (const bytes of [new Uint8Array(0), Buffer.from('PNG'), Buffer.from('just some text, no capture')]) {
      const { code, lines, errors } = await decode(bytes);
      expect([code, lines]).toEqual([1, []]);
      expect(errors).toBe('standard input: no capture: neither pcap nor pcapng\n');
    }
    const { errors } = await decode(Uint8Array.of(0x1f, 0x8b, 8, 0, 0));
    expect(errors).toBe('standard input: compressed with gzip: uncompress it first\n');
  });

  it('a file that ends in the middle of a frame: what came before it counts', async () => {
    for (const capture of [
      pcap([at(over4(ALIVE)), at(over4(NEW))]),
      pcapng([at(over4(ALIVE)), at(over4(NEW))]),
    ]) {
      const { code, lines, errors } = await decode(capture.subarray(0, -20));
      expect([code, lines.length]).toEqual([0, 1]);
      expect(errors).toContain('1 message, 0 malformed, 1 frame; the file ends in the middle of a frame');
    }
  });

  it('wrong arguments: the usage, and exit code 1', async () => {
    const cases = [['--port', '70000'], ['--colour'], ['--interface', 'lo']] as const;
    for (const args of cases) {
      const { code, errors } = await decode(pcap([]), ...args);
      expect(code).toBe(1);
      expect(errors).toMatch(/^decode: .*\nUsage: conntrackd-ts decode/);
    }
  });
});

describe('decode puts TCP streams together', () => {
  const stream = concat(...Array.from({ length: 20 }, () => [NEW, ALIVE, ACK]).flat());
  const segment = (sequence: number, payload: Uint8Array, flags?: number, ends = ENDS) =>
    at(ethernet(ipv4(ends, 6, tcp(ends, sequence, payload, flags))));
  const START = 0xffff_ff00;
  const SYN = segment(START - 1, new Uint8Array(0), TcpFlag.SYN);
  const shown = (lines: readonly string[]) =>
    lines.map((line) => / seq=(\d+) /.exec(line)?.[1] ?? 'malformed');
  const wanted = Array.from({ length: 20 }, () => ['7', '8', '9']).flat();

  it('however they are cut into segments, and sent again', async () => {
    const cuts = fc.array(fc.nat(stream.length), { maxLength: 30 });
    const again = fc.array(fc.boolean(), { minLength: 31, maxLength: 31 });
    await fc.assert(
      fc.asyncProperty(cuts, again, async (places, repeated) => {
        const bounds = [0, ...places.sort((a, b) => a - b), stream.length];
        const segments = bounds.slice(1).flatMap((end, n) => {
          const one = segment(START + bounds[n]!, stream.subarray(bounds[n], end));
          // What is sent again may begin earlier and be longer than what it repeats.
          const more = segment(
            START + bounds[Math.max(0, n - 1)]!,
            stream.subarray(bounds[Math.max(0, n - 1)], end),
          );
          return repeated[n] ? [one, more] : [one];
        });
        const { lines, errors } = await decode(pcap([SYN, ...segments]));
        expect(shown(lines)).toEqual(wanted);
        expect(errors).not.toContain('missing');
      }),
      { numRuns: 50 },
    );
  });

  it('on another port, once a segment shows what they are', async () => {
    const ends = { ...ENDS, destinationPort: 6000 };
    const http = segment(1, Buffer.from('GET / HTTP/1.1\r\n\r\n'), undefined, {
      ...ENDS,
      destinationPort: 80,
    });
    const { lines } = await decode(
      pcap([
        http,
        segment(5, stream.subarray(0, NEW.length + 8), undefined, ends),
        segment(5 + NEW.length + 8, ACK, undefined, ends),
      ]),
    );
    expect(shown(lines)).toEqual(['7', '8', '9']);
  });

  it('and reports what is missing', async () => {
    const gap = NEW.length;
    const frames = [SYN, segment(START, NEW), segment(START + 2 * gap, concat(ALIVE, ACK))];
    const { lines, errors } = await decode(pcap(frames));
    expect(shown(lines)).toEqual(['7', '8', '9']);
    expect(errors).toContain(`${gap} bytes of TCP streams missing`);
  });

  it('again when a connection is opened again between the same ends', async () => {
    const frames = [
      SYN,
      segment(START, NEW.subarray(0, 30)),
      segment(99, new Uint8Array(0), TcpFlag.SYN),
      segment(100, ACK),
    ];
    const { lines, errors } = await decode(pcap(frames));
    expect(shown(lines)).toEqual(['9']);
    expect(errors).not.toContain('missing');
  });
});

describe('decode takes any bytes', () => {
  async function read(bytes: Uint8Array): Promise<number> {
    let frames = 0;
    try {
      for await (const frame of readCapture(Readable.from([bytes]))) {
        dissect(frame.linkType, frame.bytes);
        timeText(frame);
        frames++;
      }
    } catch (error) {
      expect(error).toBeInstanceOf(CaptureError);
    }
    return frames;
  }

  it('for a capture, or reports why they are none', async () => {
    const frames = [at(over4(NEW)), at(ethernet(ipv6(ENDS6, 17, udp(ENDS6, ALIVE)))), at(over4(ACK))];
    const captures = [
      pcap(frames),
      pcap(frames, { littleEndian: false, nanoseconds: true }),
      pcapng(frames),
      pcapng(frames, { littleEndian: false, resolution: 9 }),
    ];
    const changed = fc
      .tuple(
        fc.constantFrom(...captures),
        fc.array(fc.tuple(fc.nat(700), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
        fc.nat(700),
      )
      .map(([capture, changes, length]) => {
        const bytes = Uint8Array.from(capture);
        for (const [place, value] of changes) if (place < bytes.length) bytes[place] = value;
        return length < bytes.length / 2 ? bytes.subarray(0, length) : bytes;
      });
    const anything = fc.oneof(changed, fc.uint8Array({ maxLength: 200 }));
    await fc.assert(
      fc.asyncProperty(anything, async (bytes) => {
        await read(bytes);
        const { code } = await decode(bytes, '--json');
        expect([0, 1]).toContain(code);
      }),
      { numRuns: 500 },
    );
  });

  it('for a frame of any link', () => {
    const types = Object.values(LINKS).map(({ type }) => type);
    const kinds = new Set<string>();
    const start = fc.constantFrom(
      ...Object.values(LINKS).map(({ frame }) => frame(ipv4(ENDS, 6, tcp(ENDS, 1, NEW)))),
    );
    const bytes = fc
      .tuple(start, fc.nat(80), fc.uint8Array({ maxLength: 80 }))
      .map(([head, length, tail]) => concat(head.subarray(0, length), tail));
    fc.assert(
      fc.property(fc.constantFrom(...types, 105), bytes, (type, frame) => {
        kinds.add(dissect(type, frame).kind);
      }),
      { numRuns: 2000 },
    );
    expect(kinds).toContain('tcp');
    expect(kinds).toContain('other');
    expect(kinds).toContain('unknown-link');
  });

  it('for a payload', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const found of messagesIn(bytes)) expect(found).toBeTypeOf('object');
      }),
    );
  });

  it('and stops without a word when its reader goes away', async () => {
    let writes = 0;
    const closing = new Writable({
      write(_chunk, _encoding, done) {
        writes++;
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    const stderr = new PassThrough();
    const frames = Array.from({ length: 2000 }, () => at(over4(NEW)));
    const code = await runDecode(['-'], { stdin: Readable.from([pcap(frames)]), stdout: closing, stderr });
    stderr.end();
    expect([code, await text(stderr)]).toEqual([0, '']);
    expect(writes).toBeLessThan(100);
  });
});

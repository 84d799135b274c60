import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingForLab } from '../../sim/netns/lab.ts';
import { runOrThrow } from '../../sim/netns/process.ts';
import { type DecodedMessage, messagesIn } from '../../src/cli/capture/messages.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import type { Flow } from '../../src/flow/flow.ts';
import type { Tuple } from '../../src/flow/tuple.ts';
import { MESSAGE_TYPE_NAMES } from '../../src/wire/header.ts';
import { at, concat, ENDS, type Ends, ipv4, LINKS, pcap, udp } from '../cli/captures.ts';
import { splitDatagram } from '../support/datagrams.ts';
import { capturedDatagrams } from '../support/fixtures.ts';

const script = fileURLToPath(new URL('../../packaging/wireshark/conntrackd.lua', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'wireshark-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeAll(() => {
  expect(missingForLab(['tshark'])).toEqual([]);
});

/** The fields of one packet, by their names without `conntrackd.`. */
type Fields = Readonly<Record<string, string | readonly string[]>>;

function flatten(tree: unknown, into: Record<string, string | string[]>): void {
  for (const [name, value] of Object.entries(tree as Record<string, unknown>)) {
    const isField = typeof value === 'string' || (Array.isArray(value) && typeof value[0] === 'string');
    if (isField && name.startsWith('conntrackd.')) into[name.slice(11)] = value as string | string[];
    else if (typeof value === 'object' && value !== null) flatten(value, into);
  }
}

/** What tshark makes, in its second pass, of payloads that go to the port of the links, a packet each, a millisecond apart. */
async function dissect(payloads: readonly Uint8Array[], ends: readonly Ends[] = []): Promise<Fields[]> {
  const file = join(directory, 'capture.pcap');
  const frame = (payload: Uint8Array, n: number) => {
    const between = ends[n] ?? ENDS;
    return at(LINKS.Ethernet!.frame(ipv4(between, 17, udp(between, payload))), n * 1_000_000);
  };
  writeFileSync(file, pcap(payloads.map(frame)));
  const args = ['-X', `lua_script:${script}`, '-2', '-r', file, '-T', 'json', '--no-duplicate-keys'];
  const packets = JSON.parse(await runOrThrow('tshark', args, { timeout: 60_000 })) as readonly {
    readonly _source: { readonly layers: object };
  }[];
  return packets.map(({ _source }) => {
    const into: Record<string, string | string[]> = {};
    flatten(_source.layers, into);
    return into;
  });
}

type Expected = Record<string, string | number | undefined>;

function tuple(prefix: string, value: Tuple | undefined): Expected {
  if (value === undefined) return {};
  return {
    [`${prefix}ipv${value.family}.src`]: value.source,
    [`${prefix}ipv${value.family}.dst`]: value.destination,
    [`${prefix}protocol`]: value.protocol,
    [`${prefix}port.src`]: value.ports?.source,
    [`${prefix}port.dst`]: value.ports?.destination,
  };
}

function flow(value: Flow): Expected {
  const { tcp, sctp, dccp, sequenceAdjustment: adjusted, synproxy } = value;
  const { icmp, family } = value.original;
  return {
    ...tuple('ct.', value.original),
    ...tuple('ct.master.', value.master),
    'ct.icmp_type': icmp?.type,
    'ct.icmp_code': icmp?.code,
    'ct.icmp_id': icmp?.id,
    'ct.tcp_state': tcp?.state,
    'ct.wscale_orig': tcp?.scaleOriginal,
    'ct.wscale_repl': tcp?.scaleReply,
    'ct.sctp_state': sctp?.state,
    'ct.sctp_vtag_orig': sctp?.tagOriginal,
    'ct.sctp_vtag_repl': sctp?.tagReply,
    'ct.dccp_state': dccp?.state,
    'ct.dccp_role': dccp?.role,
    'ct.status': value.status,
    'ct.timeout': value.timeout,
    'ct.mark': value.mark,
    'ct.zone': value.zone,
    'ct.helper': value.helper,
    'ct.labels': value.labels?.map((word) => word.toString(16).padStart(8, '0')).join(''),
    [`ct.snat.ipv${family}`]: value.sourceNat?.address,
    [`ct.dnat.ipv${family}`]: value.destinationNat?.address,
    'ct.snat.port': value.sourceNat?.port,
    'ct.dnat.port': value.destinationNat?.port,
    'ct.seq_adj.original_position': adjusted?.original.position,
    'ct.seq_adj.original_before': adjusted && adjusted.original.offsetBefore >>> 0,
    'ct.seq_adj.original_after': adjusted && adjusted.original.offsetAfter >>> 0,
    'ct.seq_adj.reply_position': adjusted?.reply.position,
    'ct.seq_adj.reply_before': adjusted && adjusted.reply.offsetBefore >>> 0,
    'ct.seq_adj.reply_after': adjusted && adjusted.reply.offsetAfter >>> 0,
    'ct.synproxy.its': synproxy?.its,
    'ct.synproxy.isn': synproxy?.isn,
    'ct.synproxy.tsoff': synproxy?.tsoff,
  };
}

function expectation(value: Expectation): Expected {
  return {
    ...tuple('exp.master.', value.master),
    ...tuple('exp.expected.', value.expected),
    ...tuple('exp.mask.', value.mask),
    ...(value.nat?.tuple.family === 4 ? tuple('exp.nat.', value.nat.tuple) : {}),
    'exp.nat.direction': value.nat?.direction,
    'exp.timeout': value.timeout,
    'exp.flags': value.flags,
    'exp.class': value.class,
    'exp.helper': value.helper,
    'exp.function': value.function,
  };
}

/** The numbers of types by their names. */
const TYPES = new Map([...MESSAGE_TYPE_NAMES].map(([number, name]) => [name, number]));

function expectedFields(message: DecodedMessage): Expected {
  return {
    version: 1,
    type: TYPES.get(message.type)!,
    sequence: message.sequence,
    from: message.range?.from,
    to: message.range?.to,
    ...(message.flow && flow(message.flow)),
    ...(message.expectation && expectation(message.expectation)),
  };
}

/** A number in the one form; tshark prints some in hexadecimal, and bytes with colons. */
function plain(value: string | readonly string[] | number | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = String(value);
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){3,}$/.test(text)) return text.replaceAll(':', '');
  return /^0x[0-9a-f]+$/.test(text) ? String(Number(value)) : text;
}

describe('the dissector for Wireshark', () => {
  test('tells the same of every captured message as the command decode', async () => {
    const payloads = capturedDatagrams().flatMap(({ bytes }) => splitDatagram(bytes));
    expect(payloads.length).toBeGreaterThan(100);
    const packets = await dissect(payloads);
    const known = new Set<string>();
    for (const [n, payload] of payloads.entries()) {
      const [message] = [...messagesIn(payload)];
      if (message === undefined || 'malformed' in message) continue;
      const fields = packets[n]!;
      const expected = expectedFields(message);
      for (const [name, value] of Object.entries(expected)) {
        expect([n, name, plain(fields[name])]).toEqual([n, name, plain(value)]);
        if (value !== undefined) known.add(name);
      }
      const flags = ['HELLO', 'HELLO_BACK', 'ACK', 'NACK', 'RESYNC', 'ALIVE'].filter(
        (flag) => fields[`flags.${flag.toLowerCase()}`] === '1',
      );
      expect(flags.sort()).toEqual([...message.flags].sort());
      // The NAT of an IPv6 expectation has ports without an address: it means nothing to a node.
      const ofIpv6 = message.expectation?.expected.family === 6;
      const more = Object.keys(fields).filter(
        (name) => /^(ct|exp)\./.test(name) && !(name in expected) && !(ofIpv6 && name.startsWith('exp.nat.')),
      );
      expect(more).toEqual([]);
    }
    expect(known.size).toBeGreaterThan(60);
  });

  test('names gaps, repeats, and what is malformed', async () => {
    const header = (sequence: number, first = 0x1a, flags = 16, length = 8) =>
      Uint8Array.of(first, flags, 0, length, 0, 0, 0, sequence);
    const packets = await dissect([
      header(5),
      header(8),
      header(6),
      header(9, 0x2a),
      header(9),
      header(1, 0x1a, 48),
      header(2, 0x10, 0),
      concat(header(3), header(4).subarray(0, 5)),
      header(4, 0x1a, 16, 4),
    ]);
    const seen = packets.map((fields) =>
      ['analysis.gap', 'analysis.stale', 'gap', 'stale', 'restart', 'malformed'].filter(
        (name) => name in fields,
      ),
    );
    expect(seen).toEqual([
      [],
      ['analysis.gap', 'gap'],
      ['analysis.stale', 'stale'],
      ['malformed'],
      [],
      ['restart'],
      ['malformed'],
      ['malformed'],
      ['malformed'],
    ]);
    expect(packets[1]!['analysis.gap']).toBe('2');
  });

  test('names repeats, and what is acknowledged, asked for and after what time', async () => {
    const message = (sequence: number, flags = 0, from?: number, to?: number) =>
      from === undefined || to === undefined
        ? Uint8Array.of(0x1a, flags, 0, 8, 0, 0, 0, sequence)
        : Uint8Array.of(0x1a, flags, 0, 16, 0, 0, 0, sequence, 0, 0, 0, from, 0, 0, 0, to);
    const [ALIVE, ACK, NACK] = [16, 8, 4];
    const back: Ends = { ...ENDS, source: ENDS.destination, destination: ENDS.source };
    const packets = await dissect(
      [
        message(5, ALIVE),
        message(6, ALIVE),
        message(7, ALIVE),
        message(100, ACK, 5, 7),
        message(6, ALIVE),
        message(8, ALIVE),
        message(101, NACK, 8, 8),
        message(102, ACK, 8, 200),
      ],
      [ENDS, ENDS, ENDS, back, ENDS, ENDS, back, back],
    );
    const analysed = packets.map((fields) =>
      Object.fromEntries(Object.entries(fields).filter(([name]) => name.startsWith('analysis.'))),
    );
    expect(analysed).toEqual([
      { 'analysis.acked_in': '4' },
      { 'analysis.acked_in': '4' },
      { 'analysis.acked_in': '4' },
      { 'analysis.acks': '3', 'analysis.ack_delay': expect.stringMatching(/^0\.00(1|09999)/) },
      { 'analysis.stale': '1', 'analysis.repeats': '2' },
      {},
      { 'analysis.asks': '6' },
      {},
    ]);
  });

  test('names sealed frames', async () => {
    const frame = new Uint8Array(45);
    frame.set([0xf0, 0xab, 0xcd, 0xef]);
    frame[23] = 7;
    const [fields, short] = await dissect([frame, frame.subarray(0, 30)]);
    expect(fields).toMatchObject({ 'sealed.type': '0xf0', 'sealed.key': '0xabcdef', 'sealed.counter': '7' });
    expect(fields!['sealed.data']).toMatch(/^(..:){4}..$/);
    expect(short).toHaveProperty('malformed');
  });
});

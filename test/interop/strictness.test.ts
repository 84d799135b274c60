import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cProgram, type Lab, missingForLab, openLab, until } from '../../sim/netns/lab.ts';
import { startWirePeer, type WirePeer } from '../../sim/netns/wire-peer.ts';
import { SlotState } from '../../src/table/record-table.ts';
import { Attr } from '../../src/wire/attribute.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { ExpAttr } from '../../src/wire/expectation-attributes.ts';
import { Flag, MessageType, writeHeader } from '../../src/wire/header.ts';
import { bytesOf, terminated, tlv } from '../support/attributes.ts';
import { Node } from '../sync/node.ts';

/** What a node made of one datagram. */
interface Outcome {
  /** What it refused, in the words of `conntrackd -s network`; empty if nothing. */
  readonly refused: Readonly<Record<string, number>>;
  /** How many records its external caches have more. */
  readonly flows: number;
  readonly expectations: number;
}

interface Case {
  readonly name: string;
  readonly datagram: (sequence: number, n: number) => Uint8Array;
  /** What the C node does where we do something else, and why. */
  readonly cAccepts?: string;
}

const { CT_NEW, CT_UPD, CT_DEL, EXP_NEW, EXP_UPD, CONTROL } = MessageType;

function message(
  type: number,
  flags: number,
  body: readonly number[],
  sequence: number,
  length = 8 + body.length,
) {
  const bytes = Uint8Array.from([...bytesOf(8, 0), ...body]);
  writeHeader(bytes, 0, type, flags, length, sequence);
  return bytes;
}

/** The key of flow number `n`: no two cases share one. */
const key = (n: number) => [
  ...tlv(Attr.IPV4, [10, 77, n >> 8, n & 0xff, 10, 0, 0, 2]),
  ...tlv(Attr.L4PROTO, [17]),
];

/** The keys of expectation number `n`. */
const keys = (n: number) => [
  ...tlv(ExpAttr.MASTER_IPV4, [10, 78, n >> 8, n & 0xff, 10, 0, 0, 2]),
  ...tlv(ExpAttr.MASTER_L4PROTO, [6]),
  ...tlv(ExpAttr.EXPECT_IPV4, [10, 79, n >> 8, n & 0xff, 10, 0, 0, 2]),
  ...tlv(ExpAttr.EXPECT_L4PROTO, [6]),
];

const TUPLE_MASK = [...tlv(ExpAttr.MASK_IPV4, bytesOf(8, 255)), ...tlv(ExpAttr.MASK_L4PROTO, [6])];

type Body = (n: number) => readonly number[];

const flow = (name: string, body: Body, type: number = CT_NEW, cAccepts?: string): Case => ({
  name: `flow: ${name}`,
  datagram: (sequence, n) => message(type, 0, body(n), sequence),
  ...(cAccepts === undefined ? {} : { cAccepts }),
});

const withKey = (name: string, ...rest: readonly number[]) => flow(name, (n) => [...key(n), ...rest]);

const expectation = (name: string, body: Body, cAccepts?: string): Case => ({
  name: `expectation: ${name}`,
  datagram: (sequence, n) => message(EXP_NEW, 0, body(n), sequence),
  ...(cAccepts === undefined ? {} : { cAccepts }),
});

const withKeys = (name: string, ...rest: readonly number[]) =>
  expectation(name, (n) => [...keys(n), ...TUPLE_MASK, ...rest]);

const header = (name: string, type: number, flags: number, body: Body = () => []): Case => ({
  name: `header: ${name}`,
  datagram: (sequence, n) => message(type, flags, body(n), sequence),
});

const framing = (name: string, bytes: (sequence: number, n: number) => Uint8Array): Case => ({
  name: `framing: ${name}`,
  datagram: bytes,
});

const TERMINATION = 'the C node trusts that a string ends, and reads beyond the attribute';
const KEY = 'the C node files it under zeros, and one such record ends every dump of the cache';

const version = (bytes: Uint8Array, number: number) => bytes.with(0, (number << 4) | (bytes[0]! & 15));
const join = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

const ALL: readonly Case[] = [
  withKey('the key alone'),
  flow('an IPv6 key', (n) => [...tlv(Attr.IPV6, [...bytesOf(31), n & 0xff]), ...tlv(Attr.L4PROTO, [17])]),
  flow('an update that creates', key, CT_UPD),
  flow('a deletion of nothing', key, CT_DEL),
  flow('a protocol without address', () => tlv(Attr.L4PROTO, [17]), CT_NEW, KEY),
  flow('an address without protocol', (n) => key(n).slice(0, 12), CT_NEW, KEY),
  flow('no attributes', () => [], CT_NEW, KEY),
  withKey('length 0', ...tlv(Attr.MARK, bytesOf(4), 0)),
  withKey('length 3', ...tlv(Attr.MARK, bytesOf(4), 3)),
  withKey('length 4 of a fixed attribute', ...tlv(Attr.MARK, bytesOf(4), 4)),
  withKey('length beyond the end', ...tlv(Attr.MARK, bytesOf(4), 9)),
  withKey('a wrong size', ...tlv(Attr.MARK, bytesOf(2)), 0, 0, 0, 0),
  withKey('a state of two bytes', ...tlv(Attr.TCP_STATE, [1, 1])),
  withKey('type 33', ...tlv(33, bytesOf(4))),
  withKey('type 65535', ...tlv(0xffff, bytesOf(4))),
  withKey('a mark twice', ...tlv(Attr.MARK, bytesOf(4)), ...tlv(Attr.MARK, bytesOf(4, 2))),
  flow('another order', (n) => [...tlv(Attr.ZONE, [0, 1]), ...tlv(Attr.MARK, bytesOf(4)), ...key(n)]),
  withKey('padding that is not zero', ...[0, 5, 0, Attr.TCP_STATE, 1, 9, 9, 9]),
  withKey('a last attribute without its padding', ...[0, 5, 0, Attr.TCP_STATE, 1]),
  withKey('1 byte behind', 0),
  withKey('4 bytes behind', 255, 255, 255, 255),
  withKey('5 bytes behind', 0, 0, 0, 0, 0),
  withKey(
    'every tag of SCTP',
    ...tlv(Attr.SCTP_VTAG_ORIG, bytesOf(4)),
    ...tlv(Attr.SCTP_VTAG_REPL, bytesOf(4)),
  ),
  withKey('labels of 16 bytes', ...tlv(Attr.LABELS, bytesOf(16))),
  withKey('labels of 1,024 bytes', ...tlv(Attr.LABELS, bytesOf(1024))),
  withKey('labels of 1,028 bytes', ...tlv(Attr.LABELS, bytesOf(1028))),
  withKey('labels of 6 bytes', ...tlv(Attr.LABELS, bytesOf(6))),
  withKey('labels of no bytes', ...tlv(Attr.LABELS, []), ...tlv(Attr.MARK, bytesOf(4))),
  withKey('labels of zeros', ...tlv(Attr.LABELS, bytesOf(16, 0))),
  withKey('a helper', ...tlv(Attr.HELPER_NAME, terminated('ftp'))),
  withKey('a helper of 11 bytes', ...tlv(Attr.HELPER_NAME, terminated('eleven-char'))),
  withKey('a helper of 12 bytes', ...tlv(Attr.HELPER_NAME, terminated('twelve-chars'))),
  withKey('a helper with bytes behind its NUL', ...tlv(Attr.HELPER_NAME, [102, 0, 1, 1])),
  flow(
    'a helper without NUL',
    (n) => [...key(n), ...tlv(Attr.HELPER_NAME, bytesOf(12, 102))],
    CT_NEW,
    TERMINATION,
  ),
  flow(
    'a helper of no bytes',
    (n) => [...key(n), ...tlv(Attr.HELPER_NAME, []), ...tlv(Attr.MARK, bytesOf(4))],
    CT_NEW,
    TERMINATION,
  ),
  withKeys('the keys and a mask'),
  expectation('no mask', keys),
  withKeys('type 21', ...tlv(21, bytesOf(4))),
  withKeys('a wrong size', ...tlv(ExpAttr.CLASS, bytesOf(8))),
  withKeys('length 3', ...tlv(ExpAttr.CLASS, bytesOf(4), 3)),
  withKeys('length beyond the end', ...tlv(ExpAttr.CLASS, bytesOf(4), 12)),
  withKeys('a helper of 11 bytes', ...tlv(ExpAttr.HELPER_NAME, terminated('eleven-char'))),
  withKeys('a helper of 12 bytes', ...tlv(ExpAttr.HELPER_NAME, terminated('twelve-chars'))),
  withKeys('a function of 27 bytes', ...tlv(ExpAttr.FN, terminated('f'.repeat(27)))),
  withKeys('a function of 28 bytes', ...tlv(ExpAttr.FN, terminated('f'.repeat(28)))),
  expectation(
    'a function without NUL',
    (n) => [...keys(n), ...TUPLE_MASK, ...tlv(ExpAttr.FN, bytesOf(8, 102))],
    TERMINATION,
  ),
  withKeys(
    'a port of the translation before its protocol',
    ...tlv(ExpAttr.NAT_PORT, bytesOf(4)),
    ...tlv(ExpAttr.NAT_L4PROTO, [6]),
  ),
  expectation('no master', (n) => [...keys(n).slice(20), ...TUPLE_MASK], KEY),
  expectation('no expected tuple', (n) => [...keys(n).slice(0, 20), ...TUPLE_MASK], KEY),
  {
    name: 'expectation: an update that creates',
    datagram: (sequence, n) => message(EXP_UPD, 0, [...keys(n), ...TUPLE_MASK], sequence),
  },

  header('HELLO on data', CT_NEW, Flag.HELLO, key),
  header('HELLO_BACK on data', CT_NEW, Flag.HELLO_BACK, key),
  header('the unused flag on data', CT_NEW, 1, key),
  header('flag 128 on data', CT_NEW, 128, key),
  header('ALIVE on data', CT_NEW, Flag.ALIVE, key),
  header('ACK on data', CT_NEW, Flag.ACK, key),
  ...[6, 7, 8, 9, 11, 15].map((type) => header(`type ${type}`, type, 0, key)),
  header('control without flags', CONTROL, 0),
  header('control with HELLO alone', CONTROL, Flag.HELLO),
  header('control with the unused flag', CONTROL, 1),
  header('ALIVE', CONTROL, Flag.ALIVE),
  header('ALIVE with bytes behind', CONTROL, Flag.ALIVE, () => bytesOf(9)),
  header('ALIVE with the unused flag', CONTROL, Flag.ALIVE | 1),
  header('ACK of an empty past', CONTROL, Flag.ACK, () => [0, 0, 0, 1, 0, 0, 0, 1]),
  header('ACK that ends before it begins', CONTROL, Flag.ACK, () => [0, 0, 0, 2, 0, 0, 0, 1]),
  header('ACK across the wrap', CONTROL, Flag.ACK, () => [255, 255, 255, 255, 0, 0, 0, 1]),
  header('ACK backwards across the wrap', CONTROL, Flag.ACK, () => [0, 0, 0, 1, 255, 255, 255, 255]),
  header('ACK half the numbers wide', CONTROL, Flag.ACK, () => [0, 0, 0, 0, 128, 0, 0, 0]),
  header('ACK longer than its range', CONTROL, Flag.ACK, () => [0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9]),
  header('NACK', CONTROL, Flag.NACK, () => [0, 0, 0, 1, 0, 0, 0, 1]),
  header('NACK that ends before it begins', CONTROL, Flag.NACK, () => [0, 0, 0, 2, 0, 0, 0, 1]),
  header('ACK and NACK', CONTROL, Flag.ACK | Flag.NACK, () => [0, 0, 0, 1, 0, 0, 0, 1]),
  header('RESYNC', CONTROL, Flag.RESYNC, () => bytesOf(8, 0)),
  header('RESYNC whose range ends before it begins', CONTROL, Flag.RESYNC, () => [0, 0, 0, 2, 0, 0, 0, 1]),
  header('RESYNC and ALIVE', CONTROL, Flag.RESYNC | Flag.ALIVE, () => bytesOf(8, 0)),

  framing('1 byte', () => Uint8Array.of(0x10)),
  framing('7 bytes', () => Uint8Array.from([0x10, 0, 0, 8, 0, 0, 0])),
  framing('length 0', (sequence, n) => message(CT_NEW, 0, key(n), sequence, 0)),
  framing('length 7', (sequence, n) => message(CT_NEW, 0, key(n), sequence, 7)),
  framing('length beyond the end', (sequence, n) => message(CT_NEW, 0, key(n), sequence, 29)),
  framing('ACK of 8 bytes', (sequence) => message(CONTROL, Flag.ACK, [], sequence)),
  framing('ACK of 15 bytes', (sequence) => message(CONTROL, Flag.ACK, bytesOf(7), sequence)),
  framing('NACK with a length of 8 that has 16 bytes', (sequence) =>
    message(CONTROL, Flag.NACK, bytesOf(8), sequence, 8),
  ),
  framing('RESYNC of 8 bytes', (sequence) => message(CONTROL, Flag.RESYNC, [], sequence)),
  framing('version 0', (sequence, n) => version(message(CT_NEW, 0, key(n), sequence), 0)),
  framing('version 2', (sequence, n) => version(message(CT_NEW, 0, key(n), sequence), 2)),
  framing('two flows', (sequence, n) =>
    join(message(CT_NEW, 0, key(n), sequence), message(CT_NEW, 0, key(n + 256), sequence + 1)),
  ),
  framing('a flow and 3 bytes', (sequence, n) =>
    join(message(CT_NEW, 0, key(n), sequence), Uint8Array.of(1, 2, 3)),
  ),
  framing('a bad version, then a flow', (sequence, n) =>
    join(version(message(CT_NEW, 0, key(n), sequence), 3), message(CT_NEW, 0, key(n + 256), sequence + 1)),
  ),
  framing('a bad payload, then a flow', (sequence, n) =>
    join(message(CT_NEW, 0, tlv(99, bytesOf(4)), sequence), message(CT_NEW, 0, key(n), sequence + 1)),
  ),
  framing('a flow of 65,000 bytes of marks', (sequence, n) =>
    message(
      CT_NEW,
      0,
      [...key(n), ...Array.from({ length: 8000 }, () => tlv(Attr.MARK, bytesOf(4))).flat()],
      sequence,
    ),
  ),
];

/** What the C node takes without a key comes last: it lies in its caches and might stand for anything. */
const CASES = [
  ...ALL.filter((each) => each.cAccepts === undefined),
  ...ALL.filter((each) => each.cAccepts !== undefined),
];

const LABELS: Readonly<Record<string, string>> = {
  malformed: 'Malformed messages',
  badVersion: 'Wrong protocol version',
  badHeader: 'Malformed header',
  badPayload: 'Malformed payload',
  badType: 'Bad message type',
  truncated: 'Truncated message',
  badSize: 'Bad message size',
};

/** Rising, with room for the messages of one datagram. */
const sequenceOfCase = (n: number) => 5 + 4 * n;

type Counts = Readonly<Record<string, number>>;

function differences(before: Counts, now: Counts): Outcome {
  const refused: Record<string, number> = {};
  for (const name of Object.keys(LABELS)) {
    const difference = now[name]! - before[name]!;
    if (difference !== 0) refused[name] = difference;
  }
  return {
    refused,
    flows: now.flows! - before.flows!,
    expectations: now.expectations! - before.expectations!,
  };
}

interface Answers {
  readonly outcomes: readonly Outcome[];
  /** What is in the external cache, once all is in that has a key: one text a flow. */
  readonly cached: readonly string[];
}

/** Has each case's datagram reach a C node in FT-FW mode, one after the other. */
async function askC(lab: Lab, peer: WirePeer): Promise<Answers> {
  const node = lab.a.node();
  const counts = async (): Promise<Counts> => {
    const text = await node.command('-s', 'network');
    const found: Record<string, number> = {};
    for (const [name, label] of Object.entries(LABELS)) {
      found[name] = Number(new RegExp(`${label}:\\s+(\\d+)`).exec(text)![1]);
    }
    const active = async (...words: readonly string[]) =>
      Number(/external:\s+current active \w+:\s+(\d+)/.exec(await node.command('-s', ...words))![1]);
    return { ...found, flows: await active(), expectations: await active('expect') };
  };
  const outcomes: Outcome[] = [];
  let before = await counts();
  let packets = await node.packetsReceived();
  let cached: readonly string[] = [];
  for (const [n, { name, datagram, cAccepts }] of CASES.entries()) {
    if (cAccepts !== undefined && cached.length === 0) cached = (await node.command('-e')).split('\n');
    peer.send(datagram(sequenceOfCase(n), n));
    packets++;
    await until(
      `the C node to receive \`${name}'`,
      async () => (await node.packetsReceived()) >= packets,
      5_000,
      5,
    );
    const now = await counts();
    outcomes.push(differences(before, now));
    before = now;
  }
  return { outcomes, cached };
}

function askUs(): Answers {
  const node = new Node();
  const counts = (): Counts => ({
    ...node.replica.counters,
    flows: node.externalFlows.counters.active,
    expectations: node.externalExpectations.counters.active,
  });
  let before = counts();
  const outcomes = CASES.map(({ datagram }, n) => {
    const bytes = datagram(sequenceOfCase(n), n);
    // Each after a silence in which a HELLO is believed.
    node.replica.handleDatagram(1, bytes, 0, bytes.length, 2_000 * n);
    const now = counts();
    const outcome = differences(before, now);
    before = now;
    return outcome;
  });
  const { table } = node.externalFlows;
  const cached: string[] = [];
  for (let slot = 0; slot < table.slots; slot++) {
    if (table.stateOf(slot) === SlotState.FREE) continue;
    const at = table.offsetOf(slot);
    const { original, mark = 0, zone } = decodeFlow(table.bytesOf(slot), at, at + table.sizeOf(slot));
    cached.push(`src=${original.source} mark=${mark}${zone === undefined ? '' : ` zone=${zone}`}`);
  }
  return { outcomes, cached };
}

describe('a datagram that is not as it should be', () => {
  let lab: Lab;
  let theirs: Answers;
  let ours: Answers;

  beforeAll(async () => {
    expect(missingForLab()).toEqual([]);
    lab = await openLab();
    const peer = await startWirePeer(lab.b.namespace, 'b');
    await lab.a.start({
      program: cProgram,
      configuration: { mode: 'FTFW', inOptions: ['ExpectationSync On'] },
    });
    theirs = await askC(lab, peer);
    ours = askUs();
  });

  afterAll(async () => {
    await lab?.close();
  });

  const same = CASES.flatMap((each, n) => (each.cAccepts === undefined ? [[each.name, n] as const] : []));
  it.each(same)('is taken or refused as by the C node: %s', (_name, n) => {
    expect(ours.outcomes[n]).toEqual(theirs.outcomes[n]);
  });

  const stricter = CASES.flatMap((each, n) =>
    each.cAccepts === undefined ? [] : [[each.name, each.cAccepts, n] as const],
  );
  it.each(stricter)('is refused by us alone: %s, because %s', (_name, _why, n) => {
    expect(ours.outcomes[n]).toEqual({ refused: { malformed: 1, badPayload: 1 }, flows: 0, expectations: 0 });
    expect(theirs.outcomes[n]!.refused).toEqual({});
  });

  it.each([
    ['a mark twice', / mark=33686018(?= |$)/],
    ['another order', / mark=16843009 .*zone=1(?= |$)/],
    ['a flow of 65,000 bytes of marks', / mark=16843009(?= |$)/],
  ])('means the same to both where it is taken: %s', (name, words) => {
    const n = CASES.findIndex((each) => each.name.endsWith(`: ${name}`));
    const source = `src=10.77.${n >> 8}.${n & 0xff} `;
    for (const { cached } of [ours, theirs]) {
      const lines = cached.filter((line) => line.includes(source));
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(words);
    }
  });

  it('leaves the C node running, though one record without key keeps all others out of its dump', async () => {
    const node = lab.a.node();
    expect(node.running()).toBe(true);
    expect(theirs.cached.length).toBeGreaterThan(20);
    expect((await node.sizes()).external).toBeGreaterThan(20);
    expect(await node.command('-e')).toBe('');
  });
});

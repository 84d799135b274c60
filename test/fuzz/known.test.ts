import { describe, expect, it } from 'vitest';
import { Rounds } from '../../sim/fuzz/live/generator.ts';
import { DifferencePredictor, KNOWN } from '../../sim/fuzz/live/known.ts';
import {
  disagreements,
  hasResync,
  linesIn,
  nacksIn,
  type Observation,
} from '../../sim/fuzz/live/observation.ts';
import { ack, alive, concat, data, nack, resync } from '../../sim/fuzz/messages.ts';
import { Status } from '../../src/flow/status.ts';
import { encodeExpectation, encodeFlow } from '../../src/wire/encode.ts';
import { Flag, MessageType } from '../../src/wire/header.ts';

const original = { family: 4 as const, source: '10.0.0.1', destination: '10.0.0.2', protocol: 6 };
const ports = { source: 1, destination: 2 };
const update = (sequence: number, flow: Parameters<typeof encodeFlow>[0], flags = 0) =>
  data(MessageType.CT_UPD, sequence, encodeFlow(flow), flags);

/** An expectation of TCP but for one tuple: the expected one, or that of its translation. */
function expected(protocol: number, more: object, translated = 6): Uint8Array {
  const tcp = { ...original, ports };
  const record = encodeExpectation({
    master: tcp,
    expected: { ...original, protocol, ...more },
    mask: tcp,
    nat: { tuple: { ...original, protocol: translated, ports }, direction: 0 },
  });
  return data(MessageType.EXP_NEW, 1, record);
}

describe('what is known to differ', () => {
  const first = (datagram: Uint8Array) => new DifferencePredictor('ftfw').accept(datagram);

  it('is not seen in an ordinary flow', () => {
    expect(
      first(update(1, { original: { ...original, ports }, tcp: { state: 3 }, helper: 'ftp' })),
    ).toBeUndefined();
  });

  it.each([
    [KNOWN.incomplete, update(1, { original })],
    [KNOWN.foreign, update(1, { original: { ...original, ports }, sctp: { state: 3 } })],
    [KNOWN.foreign, update(1, { original: { ...original, ports }, sctp: { state: 3 }, tcp: { state: 3 } })],
    [KNOWN.foreign, expected(47, { ports })],
    [KNOWN.foreign, expected(6, { ports }, 47)],
    [KNOWN.incomplete, expected(6, {})],
    [KNOWN.offloaded, update(1, { original: { ...original, ports }, status: Status.OFFLOAD })],
    [KNOWN.name, update(1, { original: { ...original, ports }, helper: 'a\n' })],
    [KNOWN.key, data(0, 1, Uint8Array.from([0, 5, 0, 2, 6, 0, 0, 0]))],
    [KNOWN.text, data(0, 1, Uint8Array.from([0, 5, 0, 27, 6, 0, 0, 0]))],
  ])('is recognized beforehand: $name', (known, datagram) => {
    expect(first(datagram)).toEqual(known);
  });

  it('depends on the messages before, and on the mode', () => {
    for (const [mode, hello, behind] of [
      ['ftfw', KNOWN.hello, KNOWN.behind],
      ['notrack', undefined, undefined],
    ] as const) {
      const node = new DifferencePredictor(mode);
      expect(node.accept(alive(10, mode === 'ftfw' ? Flag.HELLO : 0))).toBeUndefined();
      expect(node.accept(alive(15, mode === 'ftfw' ? Flag.HELLO : 0))).toBe(hello);
      expect(node.accept(alive(30))).toBeUndefined();
      expect(node.expected).toBe(31);
      expect(node.accept(ack(5, 2, 1))).toBe(behind);
    }
  });
});

describe('a HELLO, and a number far away', () => {
  it('are doubted by ours, after the first message', () => {
    const node = new DifferencePredictor('ftfw');
    expect(node.accept(alive(1000, Flag.HELLO))).toBeUndefined();
    for (const sequence of [1001, 1005, 1003]) expect(node.accept(alive(sequence))).toBeUndefined();
    for (const far of [alive(1006, Flag.HELLO), alive(2_000_000), alive(0xffff_0000)])
      expect(node.accept(far)).toBe(KNOWN.hello);
    expect(node.expected).toBe(1006);
  });
});

describe('the rounds of a differential run', () => {
  it('are the same on the same seed, and bring about nothing that is known', () => {
    const take = (seed: number) => new Rounds(seed, 'ftfw', true).next();
    const [one, again, other] = [take(1), take(1), take(2)];
    expect(Buffer.concat(one).equals(Buffer.concat(again))).toBe(true);
    expect(Buffer.concat(one).equals(Buffer.concat(other))).toBe(false);
    const node = new DifferencePredictor('ftfw');
    for (const datagram of one) expect(node.accept(datagram)).toBeUndefined();
  }, 30_000);
});

describe('what two nodes show', () => {
  const seen: Observation = {
    counters: { 'Malformed messages': 2 },
    flows: linesIn('udp 17 src=1 [active since 5s]\ntcp 6 src=2 [expires in 7s] [active since -1s]\n'),
    expectations: [],
    active: { flows: 2, expectations: 0 },
    nacks: nacksIn([concat(alive(1), nack(2, 5, 9)), nack(3, 5, 9), ack(4, 1, 2)]),
    hasAsked: false,
  };

  it('is compared without what depends on the time', () => {
    expect(seen.flows).toEqual(['tcp 6 src=2', 'udp 17 src=1']);
    expect(seen.nacks).toEqual(['5-9']);
    expect(disagreements(seen, { ...seen })).toEqual([]);
  });

  it('does not count what ours replaced because it asked for everything, where C adds', () => {
    const c = { ...seen, flows: ['tcp 6 ESTABLISHED src=2 mark=1', 'udp 17 src=1'] };
    const ours = { ...seen, flows: ['tcp 6 src=2', 'udp 17 src=1'] };
    expect(disagreements(c, ours).map(({ kind }) => kind)).toEqual(['flows']);
    expect(disagreements(c, { ...ours, hasAsked: true })).toEqual([]);
    const gone = { ...ours, flows: ['udp 17 src=1'], hasAsked: true };
    expect(disagreements(c, gone).map(({ kind }) => kind)).toEqual(['flows']);
    expect(hasResync([concat(alive(1), resync(2))])).toBe(true);
    expect(hasResync([concat(alive(1), ack(2, 1, 2))])).toBe(false);
  });

  it('is distinguished by kind', () => {
    const other: Observation = {
      counters: { 'Malformed messages': 3 },
      flows: ['udp 17 src=1'],
      expectations: ['e'],
      active: { flows: 1, expectations: 1 },
      nacks: [],
      hasAsked: false,
    };
    expect(disagreements(seen, other).map(({ kind }) => kind)).toEqual([
      'counter: Malformed messages',
      'cache size: flows',
      'cache size: expectations',
      'flows',
      'expectations',
      'NACK',
    ]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Expectation } from '../../src/flow/expectation.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { isIcmp, Protocol } from '../../src/flow/protocol.ts';
import type { Tuple } from '../../src/flow/tuple.ts';
import { ExpectationKeyer, FlowKeyer, type Keyer } from '../../src/table/key.ts';
import { encodeExpectation, encodeFlow } from '../../src/wire/encode.ts';
import { flow, record, withLocalPort } from './records.ts';

function same(keyer: Keyer, a: Uint8Array, b: Uint8Array): boolean {
  const hashOfA = keyer.load(a, 0, a.length);
  const matches = keyer.matches(b, 0, b.length);
  // Equal keys have equal hashes; unequal ones may collide.
  if (matches) expect(keyer.load(b, 0, b.length)).toBe(hashOfA);
  return matches;
}

const address4 = fc.constantFrom('10.0.0.1', '10.0.0.2', '192.0.2.255');
const address6 = fc.constantFrom('2001:db8::1', '2001:db8::2', '::');
const port = fc.constantFrom(0, 1, 443, 65535);

/** Few values each, so that two tuples are often the same. */
const tuple: fc.Arbitrary<Tuple> = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    ends: fc.tuple(address4, address4),
    ends6: fc.tuple(address6, address6),
    protocol: fc.constantFrom(Protocol.TCP, Protocol.UDP, Protocol.ICMP, Protocol.ICMPV6, Protocol.SCTP),
    ports: fc.record({ source: port, destination: port }),
    icmp: fc.record({ type: fc.constantFrom(0, 8, 128), code: fc.constantFrom(0, 1), id: port }),
  })
  .map(({ family, ends, ends6, protocol, ports, icmp }): Tuple => {
    const [source, destination] = family === 4 ? ends : ends6;
    const tuple = { family, source, destination, protocol };
    return isIcmp(protocol) ? { ...tuple, icmp } : { ...tuple, ports };
  });

const identity = fc.record({ original: tuple, zone: fc.constantFrom(undefined, 0, 1, 65535) });

function identified({ original, zone }: { original: Tuple; zone: number | undefined }): Flow {
  return zone === undefined ? { original } : { original, zone };
}

describe('FlowKeyer', () => {
  it('takes two flows for one exactly if original tuple and zone are the same (no zone is zone 0)', () => {
    const keyer = new FlowKeyer(7);
    fc.assert(
      fc.property(identity, identity, fc.boolean(), (one, other, twice) => {
        const second = twice ? one : other;
        const canonical = (flow: { original: Tuple; zone: number | undefined }) =>
          JSON.stringify([flow.original, flow.zone ?? 0]);
        const equal = canonical(one) === canonical(second);
        expect(same(keyer, encodeFlow(identified(one)), encodeFlow(identified(second)))).toBe(equal);
      }),
      { numRuns: 2000 },
    );
  });

  it('ignores everything that is not the key', () => {
    const keyer = new FlowKeyer();
    const bare = encodeFlow({ original: flow(1).original });
    const full = record(1, {
      tcp: { state: 5 },
      mark: 9,
      timeout: 60,
      master: flow(2).original,
      sourceNat: { address: '203.0.113.1', port: 9 },
      destinationNat: { address: '203.0.113.2', port: 10 },
      helper: 'ftp',
      labels: [1, 2, 3, 4],
      zone: 0,
    });
    expect(same(keyer, bare, full)).toBe(true);
    expect(same(keyer, full, bare)).toBe(true);
  });

  it('tells apart flows of a protocol whose ports do not travel by the ports that our kernel gave', () => {
    const keyer = new FlowKeyer();
    const gre = encodeFlow({
      original: { family: 4, source: '10.0.0.1', destination: '10.0.0.2', protocol: Protocol.GRE },
    });
    expect(same(keyer, withLocalPort(gre, 1, 2), withLocalPort(gre, 1, 2))).toBe(true);
    expect(same(keyer, withLocalPort(gre, 1, 2), withLocalPort(gre, 1, 3))).toBe(false);
    expect(same(keyer, withLocalPort(gre, 1, 2), gre)).toBe(false);
    expect(same(keyer, gre, gre)).toBe(true);
  });

  it('finds the zone behind whatever attributes, and is not misled by bytes that look like one', () => {
    const keyer = new FlowKeyer();
    const between: Partial<Flow> = { tcp: { state: 3 }, mark: 5, labels: [0x0006_0020, 7] };
    const zoned = record(1, { ...between, zone: 7 });
    expect(same(keyer, zoned, encodeFlow({ original: flow(1).original, zone: 7 }))).toBe(true);
    expect(same(keyer, zoned, record(1, between))).toBe(false);
    // The last words are a length, the type of a zone and the number 7, but they are labels.
    expect(same(keyer, record(1, { labels: [0x0006_0020, 0x0007_0000] }), record(1))).toBe(true);
    expect(same(keyer, withLocalPort(zoned, 1, 2), withLocalPort(zoned, 1, 3))).toBe(false);
  });

  it('reads a record in the middle of other bytes', () => {
    const keyer = new FlowKeyer();
    const bytes = record(5);
    const among = new Uint8Array(bytes.length + 24).fill(0xff);
    among.set(bytes, 12);
    const hash = keyer.load(bytes, 0, bytes.length);
    expect(keyer.load(among, 12, 12 + bytes.length)).toBe(hash);
    expect(keyer.matches(bytes, 0, bytes.length)).toBe(true);
    // The same where it cannot be read by words.
    const askew = new Uint8Array(bytes.length + 1);
    askew.set(bytes, 1);
    expect(keyer.matches(askew, 1, askew.length)).toBe(true);
    expect(keyer.load(askew, 1, askew.length)).toBe(hash);
    expect(keyer.matches(bytes, 0, bytes.length)).toBe(true);
  });

  it('hashes by its seed', () => {
    const bytes = record(1);
    const hashes = [0, 1, 2, -1].map((seed) => new FlowKeyer(seed).load(bytes, 0, bytes.length));
    expect(new Set(hashes).size).toBe(4);
    expect(new FlowKeyer(2).load(bytes, 0, bytes.length)).toBe(hashes[2]);
  });

  it('spreads flows that differ in one low bit over all of an index', () => {
    const keyer = new FlowKeyer(3);
    const buckets = new Uint32Array(64);
    for (let n = 0; n < 6400; n++) {
      const bytes = record(n);
      buckets[keyer.load(bytes, 0, bytes.length) & 63]!++;
    }
    expect(Math.min(...buckets)).toBeGreaterThan(50);
    expect(Math.max(...buckets)).toBeLessThan(160);
  });
});

describe('ExpectationKeyer', () => {
  const base: Expectation = {
    master: flow(1).original,
    expected: {
      family: 4,
      source: '10.0.0.1',
      destination: '192.0.2.1',
      protocol: 6,
      ports: { source: 0, destination: 2000 },
    },
    mask: {
      family: 4,
      source: '255.255.255.255',
      destination: '255.255.255.255',
      protocol: 255,
      ports: { source: 0, destination: 65535 },
    },
    timeout: 300,
    class: 0,
    flags: 0,
    helper: 'ftp',
  };
  const encode = (fields: Partial<Expectation>): Uint8Array => encodeExpectation({ ...base, ...fields });

  it('ignores only the timeout', () => {
    const keyer = new ExpectationKeyer(1);
    const { timeout: _, ...unlimited } = base;
    expect(same(keyer, encode({}), encode({ timeout: 1 }))).toBe(true);
    expect(same(keyer, encode({}), encodeExpectation(unlimited))).toBe(true);
  });

  it.each<[string, Partial<Expectation>]>([
    ['the master', { master: flow(2).original }],
    ['what is expected', { expected: { ...base.expected, ports: { source: 0, destination: 2001 } } }],
    ['the mask', { mask: { ...base.mask!, source: '255.255.255.0' } }],
    ['the flags', { flags: 1 }],
    ['the class', { class: 1 }],
    ['the helper', { helper: 'sip' }],
    ['the function', { function: 'nat-follow-master' }],
    ['the NAT', { nat: { tuple: flow(3).original, direction: 0 } }],
  ])('distinguishes two by %s', (_, fields) => {
    const keyer = new ExpectationKeyer(1);
    expect(same(keyer, encode({}), encode(fields))).toBe(false);
    expect(same(keyer, encode(fields), encode({}))).toBe(false);
  });

  it('hashes by its seed', () => {
    const bytes = encode({});
    const hashes = [0, 1].map((seed) => new ExpectationKeyer(seed).load(bytes, 0, bytes.length));
    expect(hashes[0]).not.toBe(hashes[1]);
  });
});

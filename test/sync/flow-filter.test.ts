import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Family } from '../../src/flow/address.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { type AddressRange, type FilterRules, FlowFilter } from '../../src/sync/flow-filter.ts';
import { encodeFlow } from '../../src/wire/encode.ts';

type Logic = 'accept' | 'ignore';

const NO_RULES: FilterRules = { protocols: undefined, addresses: undefined, tcpStates: undefined };

/** The bits of an address, most significant first, as text of 0 and 1. */
function bits(address: string): string {
  if (!address.includes(':')) {
    return address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  }
  const [head = '', tail] = address.split('::');
  const groups = (text: string) => text.split(':').filter((group) => group !== '');
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = tail === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
    .join('');
}

function network(address: string, prefix: number): AddressRange {
  const text = bits(address);
  const bytes = Uint8Array.from({ length: text.length / 8 }, (_, n) =>
    Number.parseInt(text.slice(8 * n, 8 * n + 8), 2),
  );
  return { family: bytes.length === 4 ? 4 : 6, bytes, prefix };
}

function accepts(rules: Partial<FilterRules>, flow: Flow, ended = false): boolean {
  // Between other bytes, as in a batch of events.
  const record = encodeFlow(flow);
  const buffer = new Uint8Array(record.length + 24).fill(0xff);
  buffer.set(record, 12);
  return new FlowFilter({ ...NO_RULES, ...rules }).accepts(buffer, 12, 12 + record.length, ended);
}

const FLOW: Flow = {
  original: {
    family: 4,
    source: '10.1.2.3',
    destination: '192.0.2.9',
    protocol: Protocol.TCP,
    ports: { source: 4000, destination: 80 },
  },
  status: Status.CONFIRMED,
  tcp: { state: 3 },
};

const FLOW6: Flow = {
  ...FLOW,
  original: { ...FLOW.original, family: 6, source: '2001:db8::1', destination: '2001:db8:ffff::9' },
};

const both: readonly Logic[] = ['accept', 'ignore'];

describe('FlowFilter', () => {
  it('accepts everything without rules', () => {
    expect(accepts({}, FLOW)).toBe(true);
  });

  it.each(both)('filters protocols to %s', (logic) => {
    const rules = { protocols: { logic, numbers: [Protocol.UDP, Protocol.TCP] } };
    const gre: Flow = { ...FLOW, original: { ...FLOW.original, protocol: 47 } };
    expect(accepts(rules, FLOW)).toBe(logic === 'accept');
    expect(accepts(rules, gre)).toBe(logic === 'ignore');
  });

  it.each([
    ['the original source', '10.1.2.3', true],
    ['the original destination, which is the reply source', '192.0.2.9', true],
    ['any other', '10.1.2.4', false],
  ])('tests %s', (_, address, listed) => {
    const networks = [network(address, 32)];
    expect(accepts({ addresses: { logic: 'accept', networks } }, FLOW)).toBe(listed);
    expect(accepts({ addresses: { logic: 'ignore', networks } }, FLOW)).toBe(!listed);
  });

  it('tests the real destination, not the translated one', () => {
    const nated: Flow = { ...FLOW, destinationNat: { address: '172.16.0.5' } };
    const accepting = (address: string) => ({
      addresses: { logic: 'accept' as const, networks: [network(address, bits(address).length)] },
    });
    expect(accepts(accepting('172.16.0.5'), nated)).toBe(true);
    expect(accepts(accepting('192.0.2.9'), nated)).toBe(false);
    expect(accepts(accepting('10.1.2.3'), nated)).toBe(true);
    const nated6: Flow = { ...FLOW6, destinationNat: { address: 'fd00::5' } };
    expect(accepts(accepting('fd00::5'), nated6)).toBe(true);
    expect(accepts(accepting('2001:db8:ffff::9'), nated6)).toBe(false);
  });

  it('does not test a translated source', () => {
    const nated: Flow = { ...FLOW, sourceNat: { address: '203.0.113.7' } };
    const networks = [network('203.0.113.7', 32)];
    expect(accepts({ addresses: { logic: 'accept', networks } }, nated)).toBe(false);
    expect(accepts({ addresses: { logic: 'ignore', networks } }, nated)).toBe(true);
  });

  it.each([
    ['10.1.0.0', 16, true],
    ['10.1.2.0', 30, true],
    ['10.1.2.4', 30, false],
    ['10.1.2.2', 31, true],
    ['10.128.0.0', 9, false],
    ['10.0.0.0', 9, true],
    ['0.0.0.0', 0, true],
    ['::', 0, false],
  ])('knows whether %s/%i holds an IPv4 address', (address, prefix, listed) => {
    const networks = [network(address, prefix)];
    expect(accepts({ addresses: { logic: 'accept', networks } }, FLOW)).toBe(listed);
  });

  it.each([
    ['2001:db8::', 32, true],
    ['2001:db8::', 127, true],
    ['2001:db8::2', 127, false],
    ['2001:db8::1', 128, true],
    ['::', 0, true],
    ['0.0.0.0', 0, false],
  ])('knows whether %s/%i holds an IPv6 address', (address, prefix, listed) => {
    const networks = [network(address, prefix)];
    expect(accepts({ addresses: { logic: 'accept', networks } }, FLOW6)).toBe(listed);
  });

  it('ignores bits of a network beyond its prefix', () => {
    const networks = [network('10.1.255.255', 16)];
    expect(accepts({ addresses: { logic: 'accept', networks } }, FLOW)).toBe(true);
  });

  it('accepts nothing by an empty list, and ignores nothing', () => {
    expect(accepts({ addresses: { logic: 'accept', networks: [] } }, FLOW)).toBe(false);
    expect(accepts({ addresses: { logic: 'ignore', networks: [] } }, FLOW)).toBe(true);
    expect(accepts({ protocols: { logic: 'accept', numbers: [] } }, FLOW)).toBe(false);
    expect(accepts({ protocols: { logic: 'ignore', numbers: [] } }, FLOW)).toBe(true);
  });

  it.each(both)(
    'knows TCP states to %s; a flow that ended, has none or is of another protocol passes',
    (logic) => {
      const tcpStates = { logic, states: [3, 4] };
      const without: Flow = { original: FLOW.original, status: Status.CONFIRMED };
      const udp: Flow = { original: { ...FLOW.original, protocol: Protocol.UDP }, status: Status.CONFIRMED };
      expect(accepts({ tcpStates }, FLOW)).toBe(logic === 'accept');
      expect(accepts({ tcpStates }, { ...FLOW, tcp: { state: 7 } })).toBe(logic === 'ignore');
      expect(accepts({ tcpStates }, FLOW, true)).toBe(true);
      expect(accepts({ tcpStates }, { ...FLOW, tcp: { state: 7 } }, true)).toBe(true);
      expect(accepts({ tcpStates }, without)).toBe(true);
      expect(accepts({ tcpStates }, udp)).toBe(true);
    },
  );

  it('accepts what every rule accepts', () => {
    const rules: FilterRules = {
      protocols: { logic: 'accept', numbers: [Protocol.TCP] },
      addresses: { logic: 'ignore', networks: [network('127.0.0.0', 8)] },
      tcpStates: { logic: 'accept', states: [3] },
    };
    const from = (source: string, fields: Partial<Flow> = {}): Flow => ({
      ...FLOW,
      original: { ...FLOW.original, source },
      ...fields,
    });
    expect(accepts(rules, FLOW)).toBe(true);
    expect(accepts(rules, from('127.0.0.1'))).toBe(false);
    expect(accepts(rules, from('127.0.0.1'), true)).toBe(false);
    expect(accepts(rules, from('10.0.0.1', { tcp: { state: 1 } }))).toBe(false);
    expect(accepts(rules, from('10.0.0.1', { tcp: { state: 1 } }), true)).toBe(true);
  });

  /** A literal reading of the rules, on decoded flows. */
  function model(rules: FilterRules, flow: Flow, ended: boolean): boolean {
    const { family, source, destination, protocol } = flow.original;
    const pass = (logic: Logic, listed: boolean) => (logic === 'accept' ? listed : !listed);
    if (rules.protocols && !pass(rules.protocols.logic, rules.protocols.numbers.includes(protocol)))
      return false;
    if (rules.addresses) {
      const ends = [source, flow.destinationNat?.address ?? destination].map(bits);
      const listed = rules.addresses.networks.some(({ family: of, bytes, prefix }) => {
        const text = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
        return of === family && ends.some((end) => end.slice(0, prefix) === text.slice(0, prefix));
      });
      if (!pass(rules.addresses.logic, listed)) return false;
    }
    const state = flow.tcp?.state;
    if (!rules.tcpStates || ended || protocol !== Protocol.TCP || state === undefined) return true;
    return pass(rules.tcpStates.logic, rules.tcpStates.states.includes(state));
  }

  it('agrees with a literal reading of the rules', () => {
    // Few addresses that differ in all bit positions, so that networks of all sizes contain some of them.
    const address = (family: Family) =>
      family === 4
        ? fc.constantFrom('10.0.0.0', '10.0.0.1', '10.0.0.128', '10.0.128.1', '11.0.0.1', '138.0.0.1')
        : fc.constantFrom('2001:db8::', '2001:db8::1', '2001:db8::80:0', '2001:db8:8000::1', 'a001:db8::1');
    const family = fc.constantFrom<Family>(4, 6);
    const logic = fc.constantFrom(...both);
    const networks = fc.array(
      family.chain((of) =>
        fc.tuple(address(of), fc.nat(of === 4 ? 32 : 128)).map(([text, prefix]) => network(text, prefix)),
      ),
      { maxLength: 3 },
    );
    const maybe = <T>(rule: fc.Arbitrary<T>) => fc.option(rule, { nil: undefined });
    const rules: fc.Arbitrary<FilterRules> = fc.record({
      protocols: maybe(
        fc.record({ logic, numbers: fc.subarray<number>([Protocol.TCP, Protocol.UDP, Protocol.ICMP]) }),
      ),
      addresses: maybe(fc.record({ logic, networks })),
      tcpStates: maybe(fc.record({ logic, states: fc.subarray([0, 1, 2, 3]) })),
    });
    const flow: fc.Arbitrary<Flow> = family.chain((of) =>
      fc
        .tuple(
          fc.record({
            family: fc.constant(of),
            source: address(of),
            destination: address(of),
            protocol: fc.constantFrom(Protocol.TCP, Protocol.UDP, Protocol.ICMP),
          }),
          fc.record(
            {
              tcp: fc.record({ state: fc.nat(4) }),
              sourceNat: fc.record({ address: address(of) }),
              destinationNat: fc.record({ address: address(of) }),
            },
            { requiredKeys: [] },
          ),
        )
        .map(([original, { tcp, ...rest }]) => ({
          original,
          ...rest,
          ...(tcp && original.protocol === Protocol.TCP ? { tcp } : {}),
        })),
    );
    fc.assert(
      fc.property(rules, flow, fc.boolean(), (tried, one, ended) => {
        expect(accepts(tried, one, ended)).toBe(model(tried, one, ended));
      }),
      { numRuns: 1000 },
    );
  });
});

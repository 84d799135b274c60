import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { putUpdate } from '../../src/kernel/codec/flow-request.ts';
import { REQUEST_MAX } from '../../src/kernel/codec/request-tuple.ts';
import { NetlinkWriter } from '../../src/system/netlink.ts';
import { ExpectationKeyer, FlowKeyer, type Keyer } from '../../src/table/key.ts';
import { Attr, tlvSize } from '../../src/wire/attribute.ts';
import type { AttributeRow, AttributeTable } from '../../src/wire/attribute-table.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import { EXPECTATION_ATTRIBUTES, ExpAttr } from '../../src/wire/expectation-attributes.ts';
import { FLOW_ATTRIBUTES } from '../../src/wire/flow-attributes.ts';
import { putAttribute } from '../../src/wire/tlv.ts';

const sizes = (table: { readonly valueSize: Int16Array }) => [...table.valueSize];
const order = (table: AttributeTable<never, never>) => table.sent.map(({ type }) => type);

describe('the table of attributes', () => {
  it('has one row for each number, under the name of each', () => {
    expect(FLOW_ATTRIBUTES.rows.map(({ type }) => type)).toEqual(Object.values(Attr));
    expect(EXPECTATION_ATTRIBUTES.rows.map(({ type }) => type)).toEqual(Object.values(ExpAttr));
    expect([FLOW_ATTRIBUTES.wireTypes, EXPECTATION_ATTRIBUTES.wireTypes]).toEqual([33, 21]);
  });

  it('gives the sizes that the C node sends', () => {
    const flow = [
      8, 32, 1, 4, 1, 4, 4, 4, 8, 32, 1, 4, 4, 4, 2, 2, 24, 1, 4, 4, 1, 1, 1, 1, 2, 1, 1, -1, -1, 16, 16, 12,
      2,
    ];
    expect(sizes(FLOW_ATTRIBUTES)).toEqual([...flow, 4, 4]);
    expect(sizes(EXPECTATION_ATTRIBUTES)).toEqual([
      8, 32, 1, 4, 8, 32, 1, 4, 8, 32, 1, 4, 4, 4, 4, 8, 4, 1, 4, -1, -1,
    ]);
  });

  it('gives the order in which the C node sends them', () => {
    expect(order(FLOW_ATTRIBUTES as never)).toEqual([
      0, 1, 5, 2, 3, 4, 25, 26, 17, 18, 19, 20, 21, 22, 23, 24, 6, 7, 8, 9, 10, 11, 12, 13, 29, 30, 14, 15,
      16, 27, 28, 31, 32, 33, 34,
    ]);
    expect(order(EXPECTATION_ATTRIBUTES as never)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 16, 18, 19, 20,
    ]);
    expect([FLOW_ATTRIBUTES.rank[Attr.IPV6], FLOW_ATTRIBUTES.rank[Attr.MASTER_IPV6]]).toEqual([
      FLOW_ATTRIBUTES.rank[Attr.IPV4],
      FLOW_ATTRIBUTES.rank[Attr.MASTER_IPV4],
    ]);
  });
});

/** A value of the row's kind, another one for each seed. */
function exampleValue({ type, kind }: AttributeRow<never, never>, seed: number): Uint8Array {
  if (kind.variable === 'string') return Uint8Array.from([0x61 + seed, 0]);
  const value = new Uint8Array(kind.variable === 'bitmask' ? 8 : kind.size).fill(seed + 1);
  // A protocol has ports, whatever it is here; states and scales are small.
  if (type === Attr.L4PROTO && kind.size === 1) value[0] = seed === 0 ? 6 : 17;
  if (kind.size === 1 && type !== Attr.L4PROTO) value[0] = seed + 1;
  return value;
}

/** A record of these types; `changed` has another value than in any other record. */
function recordOf(table: AttributeTable<never, never>, types: readonly number[], changed = -1): Uint8Array {
  const rows = table.sent.filter(({ type }) => types.includes(type));
  const bytes = new Uint8Array(rows.reduce((sum, row) => sum + tlvSize(exampleValue(row, 0).length), 0));
  let at = 0;
  for (const row of rows) {
    const value = exampleValue(row, row.type === changed ? 1 : 0);
    at = putAttribute(bytes, at, row.type, value, 0, value.length);
  }
  return bytes;
}

describe('what tells two records apart', () => {
  const flowBases = [
    [Attr.IPV4, Attr.L4PROTO],
    [Attr.IPV6, Attr.L4PROTO],
  ];
  const cases: readonly [
    string,
    AttributeTable<never, never>,
    () => Keyer,
    readonly (readonly number[])[],
  ][] = [
    ['a flow', FLOW_ATTRIBUTES as never, () => new FlowKeyer(), flowBases],
    [
      'an expectation',
      EXPECTATION_ATTRIBUTES as never,
      () => new ExpectationKeyer(),
      [[ExpAttr.MASTER_IPV4, ExpAttr.MASTER_L4PROTO]],
    ],
  ];
  it.each(cases)('follows the table for %s', (_name, table, keyerOf, bases) => {
    for (const { type, key = false } of table.rows) {
      for (const base of bases) {
        const rest = base.filter((other) => table.rank[other] !== table.rank[type]);
        const types = [...rest, type];
        const [one, other] = [recordOf(table, types), recordOf(table, types, type)];
        const keyer = keyerOf();
        keyer.load(one, 0, one.length);
        expect(keyer.matches(other, 0, other.length), `attribute ${type}`).toBe(!key);
      }
    }
  });
});

describe('a value decoded and encoded again is the same', () => {
  it.each(FLOW_ATTRIBUTES.rows.filter(({ local }) => !local).map(({ type }) => type))(
    'attribute %i of a flow',
    (type) => {
      const isIpv6 = type === Attr.SNAT_IPV6 || type === Attr.DNAT_IPV6;
      const base = [isIpv6 ? Attr.IPV6 : Attr.IPV4, Attr.L4PROTO];
      roundTrip(FLOW_ATTRIBUTES as never, decodeFlow as never, base, type);
    },
  );

  it.each(EXPECTATION_ATTRIBUTES.rows.map(({ type }) => type))('attribute %i of an expectation', (type) => {
    // Without a protocol there is no mask.
    const base = [ExpAttr.MASK_L4PROTO];
    roundTrip(EXPECTATION_ATTRIBUTES as never, decodeExpectation as never, base, type);
  });

  it('of the local attributes, the decoded flow has the values', () => {
    const types = [Attr.IPV4, Attr.L4PROTO, Attr.LOCAL_PORT, Attr.LOCAL_ID];
    const record = recordOf(FLOW_ATTRIBUTES as never, types);
    const { original, id } = decodeFlow(record, 0, record.length);
    expect(original.ports).toEqual({ source: 0x0101, destination: 0x0101 });
    expect(id).toBe(0x0101_0101);
  });

  function roundTrip(
    table: AttributeTable<never, never>,
    decode: (bytes: Uint8Array, start: number, end: number) => never,
    base: readonly number[],
    type: number,
  ): void {
    const others = base.filter((other) => table.rank[other] !== table.rank[type]);
    const record = recordOf(table, [...others, type]);
    const row = table.rows[type]!;
    expect(row.encode(decode(record, 0, record.length))).toEqual(exampleValue(row, 0));
  }
});

describe('what an update of a kernel entry carries', () => {
  const request = (record: Uint8Array) => {
    const to = new NetlinkWriter(REQUEST_MAX);
    putUpdate(to, 0, record, 0, record.length, 0, false);
    return Buffer.from(to.bytes.slice(0, to.at)).toString('hex');
  };
  const around: Readonly<Record<number, readonly number[]>> = {
    [Attr.TCP_WSCALE_ORIG]: [Attr.TCP_STATE, Attr.TCP_WSCALE_REPL],
    [Attr.TCP_WSCALE_REPL]: [Attr.TCP_STATE, Attr.TCP_WSCALE_ORIG],
    [Attr.SCTP_STATE]: [Attr.SCTP_VTAG_ORIG, Attr.SCTP_VTAG_REPL],
    [Attr.SCTP_VTAG_ORIG]: [Attr.SCTP_STATE, Attr.SCTP_VTAG_REPL],
    [Attr.SCTP_VTAG_REPL]: [Attr.SCTP_STATE, Attr.SCTP_VTAG_ORIG],
    [Attr.DCCP_STATE]: [Attr.DCCP_ROLE],
    [Attr.DCCP_ROLE]: [Attr.DCCP_STATE],
  };
  it.each(FLOW_ATTRIBUTES.rows.map(({ type, update = false }) => [type, update] as const))(
    'attribute %i: %s',
    (type, update) => {
      const isIcmp = type >= Attr.ICMP_TYPE && type <= Attr.ICMP_ID;
      const family = type === Attr.IPV6 ? Attr.IPV6 : Attr.IPV4;
      const types = [
        family,
        Attr.STATUS,
        Attr.L4PROTO,
        ...(isIcmp ? [Attr.ICMP_TYPE, Attr.ICMP_CODE, Attr.ICMP_ID] : [Attr.PORT]),
        ...(around[type] ?? []),
        type,
      ];
      const protocol = isIcmp
        ? 1
        : type >= Attr.SCTP_STATE && type <= Attr.SCTP_VTAG_REPL
          ? 132
          : type === Attr.DCCP_STATE || type === Attr.DCCP_ROLE
            ? 33
            : 6;
      const [one, other] = [-1, type].map((changed) => {
        const record = recordOf(FLOW_ATTRIBUTES as never, types, changed);
        if (type !== Attr.L4PROTO) setProtocol(record, protocol);
        return request(record);
      });
      expect(one !== other).toBe(update);
    },
  );

  function setProtocol(record: Uint8Array, protocol: number): void {
    for (let at = 0; at < record.length; at += ((record[at]! << 8) + record[at + 1]! + 3) & ~3)
      if (record[at + 3] === Attr.L4PROTO) record[at + 4] = protocol;
  }
});

describe('every attribute has its place in what is done by hand', () => {
  const source = (file: string) => readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8');
  /** Attributes that a module does not know, and why. */
  const cases: readonly [string, readonly string[], Readonly<Record<string, string>>][] = [
    ['from the kernel to a record', ['kernel/codec/flow-transcoder.ts'], {}],
    [
      'from a record to a request',
      ['kernel/codec/flow-request.ts', 'kernel/codec/request-tuple.ts'],
      { LOCAL_ID: 'the kernel gives it' },
    ],
  ];
  it.each(cases)('%s', (_name, files, exceptions) => {
    const text = files.map(source).join('');
    const unknown = Object.keys(Attr).filter((name) => !new RegExp(`Attr\\.${name}\\b`).test(text));
    expect(unknown.sort()).toEqual(Object.keys(exceptions).sort());
  });

  it('from the kernel to the record of an expectation, and from there to a request', () => {
    const text = source('kernel/codec/transcode.ts') + source('kernel/codec/expectation-request.ts');
    // Tuples are read and written from their first attribute on.
    const tuples = /^(MASTER|EXPECT|MASK)_/;
    const unknown = Object.keys(ExpAttr).filter(
      (name) => !tuples.test(name) && !new RegExp(`ExpAttr\\.${name}\\b`).test(text),
    );
    expect(unknown).toEqual([]);
  });
});

it('an update changes what the kernel lets one change', () => {
  // NAT, the helper and the master stay out, or the kernel refuses the update.
  const left = FLOW_ATTRIBUTES.rows.filter(({ update, local }) => !update && !local).map(({ type }) => type);
  expect(left).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 27, 29, 30]);
});

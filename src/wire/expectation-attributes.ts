import { readU32 } from '../bytes/integers.ts';
import type { Expectation } from '../flow/expectation.ts';
import type { Tuple } from '../flow/tuple.ts';
import { HELPER_TLV_MAX, TLV_HEADER } from './attribute.ts';
import { type AttributeRow, AttributeTable, type AttributeTraits, rowsOf } from './attribute-table.ts';
import { addressesOf, type Mutable, setAddresses, type TupleParts } from './tuple-parts.ts';
import { IPV4_PAIR, IPV6_PAIR, PORTS, readPorts, readString, string, U8, U32 } from './value.ts';

/** Attribute numbers of EXP messages. `attribute.ts` describes the TLV layout. */
export const ExpAttr = {
  MASTER_IPV4: 0,
  MASTER_IPV6: 1,
  MASTER_L4PROTO: 2,
  MASTER_PORT: 3,
  EXPECT_IPV4: 4,
  EXPECT_IPV6: 5,
  EXPECT_L4PROTO: 6,
  EXPECT_PORT: 7,
  MASK_IPV4: 8,
  MASK_IPV6: 9,
  MASK_L4PROTO: 10,
  MASK_PORT: 11,
  TIMEOUT: 12,
  FLAGS: 13,
  CLASS: 14,
  NAT_IPV4: 15,
  NAT_PORT: 16,
  NAT_L4PROTO: 17,
  NAT_DIR: 18,
  HELPER_NAME: 19,
  FN: 20,
} as const;

export type ExpAttr = (typeof ExpAttr)[keyof typeof ExpAttr];

/** Maximum size in bytes of the whole TLV of an expectation's function name. */
const FN_TLV_MAX = 32;

/** Maximum length of the function name in bytes, without its NUL. */
export const FN_NAME_MAX = FN_TLV_MAX - TLV_HEADER - 1;

/** The parts from which a decoded expectation is assembled. */
export interface ExpectationParts {
  /** Master, expected and mask: an array, because reading a property of varying name is slow. */
  readonly tuples: readonly [TupleParts, TupleParts, TupleParts];
  readonly nat: TupleParts;
  /** NAT_DIR. */
  direction?: number;
  readonly expectation: Mutable<Partial<Expectation>>;
}

type Row = AttributeRow<Expectation, ExpectationParts>;
const row = rowsOf<Expectation, ExpectationParts>();

/** The four attributes of the `n`th tuple, numbered from `4 * n` on; only the mask may be missing. */
function tuple(
  n: 0 | 1 | 2,
  name: 'master' | 'expected' | 'mask',
): readonly [readonly Row[], readonly Row[], readonly Row[]] {
  const first = 4 * n;
  const of = (expectation: Expectation): Tuple | undefined => expectation[name];
  const traits: AttributeTraits = name === 'mask' ? { key: true } : { key: true, required: true };
  return [
    [
      row(
        first + ExpAttr.MASTER_IPV4,
        IPV4_PAIR,
        (expectation) => addressesOf(4, of(expectation)),
        ({ tuples }, bytes, at) => setAddresses(tuples[n], 4, bytes, at),
        traits,
      ),
      row(
        first + ExpAttr.MASTER_IPV6,
        IPV6_PAIR,
        (expectation) => addressesOf(6, of(expectation)),
        ({ tuples }, bytes, at) => setAddresses(tuples[n], 6, bytes, at),
        traits,
      ),
    ],
    [
      row(
        first + ExpAttr.MASTER_L4PROTO,
        U8,
        (expectation) => of(expectation)?.protocol,
        ({ tuples }, bytes, at) => {
          tuples[n].protocol = bytes[at]!;
        },
        traits,
      ),
    ],
    [
      row(
        first + ExpAttr.MASTER_PORT,
        PORTS,
        (expectation) => of(expectation)?.ports,
        ({ tuples }, bytes, at) => {
          tuples[n].ports = readPorts(bytes, at);
        },
        { key: true },
      ),
    ],
  ];
}

/**
 * The attributes of an expectation, in the C node's sending order: ascending, except that NAT_L4PROTO comes
 * before NAT_PORT. See {@link FLOW_ATTRIBUTES}.
 */
export const EXPECTATION_ATTRIBUTES = new AttributeTable<Expectation, ExpectationParts>([
  ...tuple(0, 'master'),
  ...tuple(1, 'expected'),
  ...tuple(2, 'mask'),
  [
    row(
      ExpAttr.TIMEOUT,
      U32,
      ({ timeout }) => timeout,
      ({ expectation }, bytes, at) => {
        expectation.timeout = readU32(bytes, at);
      },
    ),
  ],
  [
    row(
      ExpAttr.FLAGS,
      U32,
      ({ flags }) => flags,
      ({ expectation }, bytes, at) => {
        expectation.flags = readU32(bytes, at);
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.CLASS,
      U32,
      (expectation) => expectation.class,
      ({ expectation }, bytes, at) => {
        expectation.class = readU32(bytes, at);
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.NAT_IPV4,
      IPV4_PAIR,
      // No attribute holds an IPv6 address here: the C node sends none.
      ({ nat }) => addressesOf(4, nat?.tuple),
      ({ nat }, bytes, at) => setAddresses(nat, 4, bytes, at),
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.NAT_L4PROTO,
      U8,
      ({ nat }) => nat?.tuple.protocol,
      ({ nat }, bytes, at) => {
        nat.protocol = bytes[at]!;
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.NAT_PORT,
      PORTS,
      ({ nat }) => nat?.tuple.ports,
      ({ nat }, bytes, at) => {
        nat.ports = readPorts(bytes, at);
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.NAT_DIR,
      U32,
      ({ nat }) => nat?.direction,
      (parts, bytes, at) => {
        parts.direction = readU32(bytes, at);
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.HELPER_NAME,
      string(HELPER_TLV_MAX),
      ({ helper }) => helper,
      ({ expectation }, bytes, at, size) => {
        expectation.helper = readString(bytes, at, size);
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.FN,
      string(FN_TLV_MAX),
      (expectation) => expectation.function,
      ({ expectation }, bytes, at, size) => {
        expectation.function = readString(bytes, at, size);
      },
      { key: true },
    ),
  ],
]);

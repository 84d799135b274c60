import type { Expectation } from '../flow/expectation.ts';
import type { Tuple } from '../flow/tuple.ts';
import { HELPER_TLV_MAX, TLV_HEADER } from './attribute.ts';
import { type AttributeRow, AttributeTable, type AttributeTraits, rowsOf } from './attribute-table.ts';
import { addressesOf, type Mutable, setAddresses, type TupleParts } from './tuple-parts.ts';
import { IPV4_PAIR, IPV6_PAIR, PORTS, string, U8, U32 } from './value.ts';

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
export const FN_TLV_MAX = 32;

/** Maximum length of the function name in bytes, without its NUL. */
export const FN_NAME_MAX = FN_TLV_MAX - TLV_HEADER - 1;

/** The parts from which a decoded expectation is assembled. */
export interface ExpectationParts {
  readonly master: TupleParts;
  readonly expected: TupleParts;
  readonly mask: TupleParts;
  readonly nat: TupleParts;
  /** NAT_DIR. */
  direction?: number;
  readonly expectation: Mutable<Partial<Expectation>>;
}

type Row = AttributeRow<Expectation, ExpectationParts>;
const row = rowsOf<Expectation, ExpectationParts>();

/** The four attributes of a tuple, numbered from `first` on; only the mask may be missing. */
function tuple(
  first: number,
  name: 'master' | 'expected' | 'mask',
): readonly [readonly Row[], readonly Row[], readonly Row[]] {
  const of = (expectation: Expectation): Tuple | undefined => expectation[name];
  const traits: AttributeTraits = name === 'mask' ? { key: true } : { key: true, required: true };
  return [
    [
      row(
        first + ExpAttr.MASTER_IPV4,
        IPV4_PAIR,
        (expectation) => addressesOf(4, of(expectation)),
        (parts, pair) => setAddresses(parts[name], 4, pair),
        traits,
      ),
      row(
        first + ExpAttr.MASTER_IPV6,
        IPV6_PAIR,
        (expectation) => addressesOf(6, of(expectation)),
        (parts, pair) => setAddresses(parts[name], 6, pair),
        traits,
      ),
    ],
    [
      row(
        first + ExpAttr.MASTER_L4PROTO,
        U8,
        (expectation) => of(expectation)?.protocol,
        (parts, protocol) => {
          parts[name].protocol = protocol;
        },
        traits,
      ),
    ],
    [
      row(
        first + ExpAttr.MASTER_PORT,
        PORTS,
        (expectation) => of(expectation)?.ports,
        (parts, ports) => {
          parts[name].ports = ports;
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
  ...tuple(ExpAttr.MASTER_IPV4, 'master'),
  ...tuple(ExpAttr.EXPECT_IPV4, 'expected'),
  ...tuple(ExpAttr.MASK_IPV4, 'mask'),
  [
    row(
      ExpAttr.TIMEOUT,
      U32,
      ({ timeout }) => timeout,
      ({ expectation }, timeout) => {
        expectation.timeout = timeout;
      },
    ),
  ],
  [
    row(
      ExpAttr.FLAGS,
      U32,
      ({ flags }) => flags,
      ({ expectation }, flags) => {
        expectation.flags = flags;
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.CLASS,
      U32,
      (expectation) => expectation.class,
      ({ expectation }, value) => {
        expectation.class = value;
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
      ({ nat }, pair) => setAddresses(nat, 4, pair),
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.NAT_L4PROTO,
      U8,
      ({ nat }) => nat?.tuple.protocol,
      ({ nat }, protocol) => {
        nat.protocol = protocol;
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.NAT_PORT,
      PORTS,
      ({ nat }) => nat?.tuple.ports,
      ({ nat }, ports) => {
        nat.ports = ports;
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.NAT_DIR,
      U32,
      ({ nat }) => nat?.direction,
      (parts, direction) => {
        parts.direction = direction;
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.HELPER_NAME,
      string(HELPER_TLV_MAX),
      ({ helper }) => helper,
      ({ expectation }, helper) => {
        expectation.helper = helper;
      },
      { key: true },
    ),
  ],
  [
    row(
      ExpAttr.FN,
      string(FN_TLV_MAX),
      (expectation) => expectation.function,
      ({ expectation }, name) => {
        expectation.function = name;
      },
      { key: true },
    ),
  ],
]);

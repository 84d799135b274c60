import { TLV_HEADER } from './attribute.ts';

/**
 * The attributes of EXP messages: numbers, value sizes and sending order. TLV layout as in `attribute.ts`.
 * The order is ascending but for NAT_L4PROTO, which the C node sends before NAT_PORT.
 */
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

export const EXP_ATTRIBUTES = 21;

/** The whole TLV of an expectation's function name is at most this many bytes. */
export const FN_TLV_MAX = 32;

/** The function name itself, its NUL not counted. */
export const FN_NAME_MAX = FN_TLV_MAX - TLV_HEADER - 1;

/** Value size in bytes by type; -1 for the two strings. */
export const EXP_VALUE_SIZE: Int16Array = Int16Array.from([
  8, 32, 1, 4, 8, 32, 1, 4, 8, 32, 1, 4, 4, 4, 4, 8, 4, 1, 4, -1, -1,
]);

export const EXP_SEND_ORDER: readonly (readonly ExpAttr[])[] = [
  [ExpAttr.MASTER_IPV4, ExpAttr.MASTER_IPV6],
  [ExpAttr.MASTER_L4PROTO],
  [ExpAttr.MASTER_PORT],
  [ExpAttr.EXPECT_IPV4, ExpAttr.EXPECT_IPV6],
  [ExpAttr.EXPECT_L4PROTO],
  [ExpAttr.EXPECT_PORT],
  [ExpAttr.MASK_IPV4, ExpAttr.MASK_IPV6],
  [ExpAttr.MASK_L4PROTO],
  [ExpAttr.MASK_PORT],
  [ExpAttr.TIMEOUT],
  [ExpAttr.FLAGS],
  [ExpAttr.CLASS],
  [ExpAttr.NAT_IPV4],
  [ExpAttr.NAT_L4PROTO],
  [ExpAttr.NAT_PORT],
  [ExpAttr.NAT_DIR],
  [ExpAttr.HELPER_NAME],
  [ExpAttr.FN],
];

export const EXP_RANK: Uint8Array = new Uint8Array(EXP_ATTRIBUTES);
EXP_SEND_ORDER.forEach((row, rank) => {
  for (const type of row) EXP_RANK[type] = rank;
});

export const EXP_RANKS = EXP_SEND_ORDER.length;

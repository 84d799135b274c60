/**
 * Numbers of ctnetlink, the connection tracking part of netfilter's netlink. Source:
 * `linux/netfilter/nfnetlink.h`, `linux/netfilter/nfnetlink_conntrack.h`.
 */

export const NETLINK_NETFILTER = 12;

export const NFPROTO_IPV4 = 2;
export const NFPROTO_IPV6 = 10;

/** Netfilter netlink subsystems: the high byte of a message's type. */
export const Subsystem = { FLOW: 1, EXPECTATION: 2 } as const;

/** IPCTNL_MSG_CT_* and IPCTNL_MSG_EXP_*: the low byte of a message's type. */
export const CtnetlinkMessage = { NEW: 0, GET: 1, DELETE: 2, GET_STATS_CPU: 4, GET_STATS: 5 } as const;

/** Multicast group bits of a netlink address: `1 << (n - 1)` for group n of `enum nfnetlink_groups`. */
export const Group = {
  FLOW_NEW: 1,
  FLOW_UPDATE: 2,
  FLOW_DESTROY: 4,
  EXPECTATION_NEW: 8,
  EXPECTATION_UPDATE: 16,
  EXPECTATION_DESTROY: 32,
} as const;

/** CTA_*: attributes of a flow. */
export const Cta = {
  TUPLE_ORIG: 1,
  TUPLE_REPLY: 2,
  STATUS: 3,
  PROTOINFO: 4,
  HELP: 5,
  NAT_SRC: 6,
  TIMEOUT: 7,
  MARK: 8,
  COUNTERS_ORIG: 9,
  COUNTERS_REPLY: 10,
  USE: 11,
  ID: 12,
  NAT_DST: 13,
  TUPLE_MASTER: 14,
  SEQ_ADJ_ORIG: 15,
  SEQ_ADJ_REPLY: 16,
  ZONE: 18,
  SECCTX: 19,
  TIMESTAMP: 20,
  MARK_MASK: 21,
  LABELS: 22,
  SYNPROXY: 24,
  STATUS_MASK: 26,
} as const;
/** One more than the highest attribute that this program reads. */
export const CTA_COUNT = 25;

export const CtaTuple = { IP: 1, PROTO: 2, ZONE: 3 } as const;
export const CtaIp = { V4_SRC: 1, V4_DST: 2, V6_SRC: 3, V6_DST: 4 } as const;
export const CtaProto = {
  NUM: 1,
  SRC_PORT: 2,
  DST_PORT: 3,
  ICMP_ID: 4,
  ICMP_TYPE: 5,
  ICMP_CODE: 6,
  ICMPV6_ID: 7,
  ICMPV6_TYPE: 8,
  ICMPV6_CODE: 9,
} as const;
export const CtaProtoinfo = { TCP: 1, DCCP: 2, SCTP: 3 } as const;
export const CtaTcp = {
  STATE: 1,
  WSCALE_ORIGINAL: 2,
  WSCALE_REPLY: 3,
  FLAGS_ORIGINAL: 4,
  FLAGS_REPLY: 5,
} as const;
export const CtaDccp = { STATE: 1, ROLE: 2 } as const;
export const CtaSctp = { STATE: 1, VTAG_ORIGINAL: 2, VTAG_REPLY: 3 } as const;
export const CtaCounters = { PACKETS: 1, BYTES: 2 } as const;
export const CtaTimestamp = { START: 1, STOP: 2 } as const;
export const CtaNat = { V4_MINIP: 1, PROTO: 3, V6_MINIP: 4 } as const;
export const CtaProtonat = { PORT_MIN: 1, PORT_MAX: 2 } as const;
export const CtaSeqAdj = { CORRECTION_POS: 1, OFFSET_BEFORE: 2, OFFSET_AFTER: 3 } as const;
export const CtaSynproxy = { ISN: 1, ITS: 2, TSOFF: 3 } as const;
export const CtaHelp = { NAME: 1 } as const;
export const CtaSecctx = { NAME: 1 } as const;

/** CTA_STATS_*: the counters of one CPU. Numbers that current kernels no longer send are left out. */
export const CtaStats = {
  FOUND: 2,
  INVALID: 4,
  INSERT: 8,
  INSERT_FAILED: 9,
  DROP: 10,
  EARLY_DROP: 11,
  ERROR: 12,
  SEARCH_RESTART: 13,
  CLASH_RESOLVE: 14,
  CHAIN_TOOLONG: 15,
} as const;
export const CTA_STATS_COUNT = 16;
export const CtaStatsGlobal = { ENTRIES: 1, MAX_ENTRIES: 2 } as const;

/** CTA_EXPECT_*: attributes of an expectation. */
export const CtaExpect = {
  MASTER: 1,
  TUPLE: 2,
  MASK: 3,
  TIMEOUT: 4,
  HELP_NAME: 6,
  FLAGS: 8,
  CLASS: 9,
  NAT: 10,
  FN: 11,
} as const;
export const CTA_EXPECT_COUNT = 12;
export const CtaExpectNat = { DIR: 1, TUPLE: 2 } as const;

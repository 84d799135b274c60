/** Numbers of nf_tables. Source: `linux/netfilter/nf_tables.h`, `linux/netfilter/nfnetlink.h`, `linux/netfilter.h`. */

/** NFNL_SUBSYS_NFTABLES. */
export const NFTABLES = 10;
/** NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END: of no subsystem. */
export const BATCH_BEGIN = 0x10;
export const BATCH_END = 0x11;

export const NFPROTO_UNSPEC = 0;
export const NFPROTO_INET = 1;
export const NF_INET_PRE_ROUTING = 0;

/** NFT_MSG_*. */
export const NftMessage = {
  NEW_TABLE: 0,
  NEW_CHAIN: 3,
  NEW_RULE: 6,
  NEW_SET: 9,
  NEW_ELEMENTS: 12,
  DELETE_ELEMENTS: 14,
  GET_GENERATION: 16,
  NEW_OBJECT: 18,
  GET_OBJECT: 19,
} as const;

/** NLM_F_APPEND: a rule goes behind those that are there. */
export const NLM_F_APPEND = 0x800;

/** The table goes when the socket that made it is closed, and nobody else can change it. Since Linux 5.12. */
export const NFT_TABLE_F_OWNER = 2;
export const NFT_SET_TIMEOUT = 0x10;
export const NFT_OBJECT_COUNTER = 1;

export const Table = { NAME: 1, FLAGS: 2, USERDATA: 6 } as const;
export const Chain = { TABLE: 1, NAME: 3, HOOK: 4, POLICY: 5, TYPE: 7 } as const;
export const Hook = { NUMBER: 1, PRIORITY: 2 } as const;
export const Rule = { TABLE: 1, CHAIN: 2, EXPRESSIONS: 4 } as const;
export const NftSet = {
  TABLE: 1,
  NAME: 2,
  FLAGS: 3,
  KEY_TYPE: 4,
  KEY_LENGTH: 5,
  ID: 10,
  TIMEOUT: 11,
  USERDATA: 13,
} as const;
export const Elements = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;
export const Element = { KEY: 1 } as const;
export const NftObject = { TABLE: 1, NAME: 2, TYPE: 3, DATA: 4 } as const;
export const Counter = { BYTES: 1, PACKETS: 2 } as const;
export const NFTA_LIST_ELEM = 1;
export const Expression = { NAME: 1, DATA: 2 } as const;
export const Data = { VALUE: 1, VERDICT: 2 } as const;
export const NFTA_VERDICT_CODE = 1;

export const Register = { VERDICT: 0, FIRST: 1 } as const;
export const Verdict = { DROP: 0, ACCEPT: 1 } as const;

export const Meta = { REGISTER: 1, KEY: 2 } as const;
export const MetaKey = { IIFNAME: 6, NFPROTO: 15, L4PROTO: 16, PKTTYPE: 19 } as const;
export const Conntrack = { REGISTER: 1, KEY: 2 } as const;
export const NFT_CT_STATE = 0;
/** Bits of `ct state`, in this machine's byte order: NF_CT_STATE_BIT of `linux/netfilter/nf_conntrack_common.h`. */
export const ConntrackState = { ESTABLISHED: 2, RELATED: 4 } as const;
export const Payload = { REGISTER: 1, BASE: 2, OFFSET: 3, LENGTH: 4 } as const;
export const PayloadBase = { NETWORK: 1, TRANSPORT: 2 } as const;
export const Compare = { REGISTER: 1, OPERATOR: 2, DATA: 3 } as const;
export const Operator = { EQUAL: 0, NOT_EQUAL: 1, LESS_OR_EQUAL: 3, GREATER_OR_EQUAL: 5 } as const;
export const Bitwise = { SOURCE: 1, DESTINATION: 2, LENGTH: 3, MASK: 4, XOR: 5 } as const;
export const Lookup = { SET: 1, REGISTER: 2, FLAGS: 5 } as const;
export const NFT_LOOKUP_F_INVERTED = 1;
export const Immediate = { REGISTER: 1, DATA: 2 } as const;
export const ObjectReference = { TYPE: 1, NAME: 2 } as const;

/** How nft shows the key of a set; the kernel does not look at it. Source: nftables, `include/datatype.h`. */
export const KeyType = { IPV4_ADDRESS: 7, IPV6_ADDRESS: 8, INTERFACE_NAME: 41 } as const;

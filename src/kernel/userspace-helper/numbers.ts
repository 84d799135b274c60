/**
 * Numbers of user-space helpers and of packet queues. Source: `linux/netfilter/nfnetlink.h`,
 * `linux/netfilter/nfnetlink_cthelper.h`, `linux/netfilter/nfnetlink_queue.h`, `linux/netfilter.h`.
 */

/** NFNL_SUBSYS_QUEUE and NFNL_SUBSYS_CTHELPER. */
export const HelperSubsystem = { QUEUE: 3, HELPER: 9 } as const;

/** NFNL_MSG_CTHELPER_*. */
export const HelperMessage = { NEW: 0, GET: 1, DELETE: 2 } as const;

/** NFCTH_*: attributes of a helper. All numbers are in network byte order. */
export const Nfcth = {
  NAME: 1,
  TUPLE: 2,
  QUEUE_NUM: 3,
  POLICY: 4,
  PRIV_DATA_LEN: 5,
  STATUS: 6,
} as const;
export const NFCTH_COUNT = 7;
export const NfcthTuple = { L3PROTONUM: 1, L4PROTONUM: 2 } as const;
/** Policy `n` of a helper is the attribute `FIRST + n`. */
export const NfcthPolicySet = { COUNT: 1, FIRST: 2 } as const;
/** Policies of a helper at most: NF_CT_MAX_EXPECT_CLASSES. */
export const POLICIES_MAX = 4;
export const NfcthPolicy = { NAME: 1, EXPECT_MAX: 2, EXPECT_TIMEOUT: 3 } as const;
/** Without a status a new helper is disabled: its packets pass by user space. */
export const HelperStatus = { DISABLED: 0, ENABLED: 1 } as const;

/** NFQNL_MSG_*. */
export const QueueMessage = { PACKET: 0, VERDICT: 1, CONFIG: 2 } as const;
/** NFQA_CFG_*. */
export const QueueConfig = { COMMAND: 1, PARAMS: 2, MAX_LENGTH: 3, MASK: 4, FLAGS: 5 } as const;
/** NFQNL_CFG_CMD_*. */
export const QueueCommand = { BIND: 1, UNBIND: 2 } as const;
/** NFQA_CFG_F_*. */
export const QueueFlag = { FAIL_OPEN: 1, CONNTRACK: 2, GSO: 4 } as const;
/** NFQNL_COPY_PACKET: the queue's messages carry the packet. */
export const COPY_PACKET = 2;

/** NFQA_*: attributes of a packet and of its verdict. */
export const Nfqa = {
  PACKET_HEADER: 1,
  VERDICT_HEADER: 2,
  PAYLOAD: 10,
  FLOW: 11,
  FLOW_INFO: 12,
  CAPTURED_LENGTH: 13,
  EXPECTATION: 15,
} as const;
export const NFQA_COUNT = 16;
/** `struct nfqnl_msg_packet_hdr`: identifier (u32), protocol (u16), hook (u8). */
export const PACKET_HEADER_SIZE = 7;

/** `NF_DROP` and `NF_ACCEPT`. */
export const Verdict = { DROP: 0, ACCEPT: 1 } as const;

/** `enum ip_conntrack_info`: from REPLY on, the packet goes in the reply direction. */
export const FlowInfo = { ESTABLISHED: 0, RELATED: 1, NEW: 2, REPLY: 3 } as const;

import { Status } from '../../../src/flow/status.ts';
import type { Tuple } from '../../../src/flow/tuple.ts';
import type { MemoryKernel } from '../../../src/kernel/memory/memory-kernel.ts';

/** TCP states by the kernel's number. */
export const Tcp = {
  SYN_SENT: 1,
  SYN_RECV: 2,
  ESTABLISHED: 3,
  FIN_WAIT: 4,
  CLOSE_WAIT: 5,
  LAST_ACK: 6,
  TIME_WAIT: 7,
  CLOSE: 8,
} as const;

/** Seconds that a flow lives without a packet, by its state. Shorter than a kernel's, so that a run sees all of them end. */
export interface Timeouts {
  readonly established: number;
  readonly stream: number;
}
const OPENING_S = 30;
const CLOSING_S = 20;
const UNANSWERED_S = 30;

export const ASSURED = Status.SEEN_REPLY | Status.ASSURED;

export type TcpPacket = 'SYN' | 'SYN/ACK' | 'ACK' | 'FIN';

/** What a firewall did with a packet. */
export const Passage = {
  /** It knows no flow for it, or not in a state for it. */
  DROPPED: 0,
  PASSED: 1,
  /** It passed, and changed the flow's state: all nodes are told. */
  CHANGED: 2,
  /** It passed as the first packet of a flow. */
  BEGAN: 3,
} as const;
export type Passage = (typeof Passage)[keyof typeof Passage];

/** A flow as its packets name it: the record of its first packet, and its tuple. */
export interface FlowName {
  readonly record: Uint8Array;
  readonly tuple: Tuple;
}

/**
 * A TCP packet passes a stateful firewall that lets SYN begin a flow, and what belongs to one pass: the part of `tcp_conntracks` in
 * nf_conntrack_proto_tcp.c that a connection without resets meets.
 */
export function passTcp(
  kernel: MemoryKernel,
  { record, tuple }: FlowName,
  packet: TcpPacket,
  isReply: boolean,
  { established }: Timeouts,
): Passage {
  const handle = kernel.handleOf(tuple);
  const state = handle === 0 ? 0 : (kernel.lookup(tuple)?.tcp?.state ?? 0);
  const become = (next: number, status: number, seconds: number): Passage =>
    kernel.setTcpState(handle, next, status, seconds) ? Passage.CHANGED : Passage.DROPPED;
  const prolong = (seconds: number): Passage =>
    kernel.extend(handle, seconds) ? Passage.PASSED : Passage.DROPPED;
  if (packet === 'SYN') {
    if (state === Tcp.TIME_WAIT || state === Tcp.CLOSE) kernel.end(handle);
    else if (handle !== 0) return state === Tcp.SYN_SENT ? prolong(OPENING_S) : Passage.PASSED;
    return kernel.begin(record, 0, record.length, OPENING_S) > 0 ? Passage.BEGAN : Passage.DROPPED;
  }
  if (handle === 0) return Passage.DROPPED;
  if (packet === 'SYN/ACK')
    return state === Tcp.SYN_SENT ? become(Tcp.SYN_RECV, Status.SEEN_REPLY, OPENING_S) : Passage.PASSED;
  switch (state) {
    case Tcp.SYN_SENT:
      return Passage.DROPPED;
    case Tcp.SYN_RECV:
      if (isReply) return prolong(OPENING_S);
      return packet === 'FIN'
        ? become(Tcp.FIN_WAIT, ASSURED, CLOSING_S)
        : become(Tcp.ESTABLISHED, ASSURED, established);
    case Tcp.ESTABLISHED:
      return packet === 'FIN' ? become(Tcp.FIN_WAIT, ASSURED, CLOSING_S) : prolong(established);
    case Tcp.FIN_WAIT:
    case Tcp.CLOSE_WAIT:
      if (packet === 'FIN') return isReply ? become(Tcp.LAST_ACK, ASSURED, CLOSING_S) : prolong(CLOSING_S);
      return isReply && state === Tcp.FIN_WAIT
        ? become(Tcp.CLOSE_WAIT, ASSURED, CLOSING_S)
        : prolong(CLOSING_S);
    case Tcp.LAST_ACK:
      return isReply ? prolong(CLOSING_S) : become(Tcp.TIME_WAIT, ASSURED, CLOSING_S);
    default:
      return Passage.PASSED;
  }
}

/** A datagram passes such a firewall, which lets one from the inside begin a flow. */
export function passDatagram(
  kernel: MemoryKernel,
  { record, tuple }: FlowName,
  isReply: boolean,
  { stream }: Timeouts,
): Passage {
  const handle = kernel.handleOf(tuple);
  if (handle === 0) {
    if (isReply) return Passage.DROPPED;
    return kernel.begin(record, 0, record.length, UNANSWERED_S) > 0 ? Passage.BEGAN : Passage.DROPPED;
  }
  const { status = 0 } = kernel.lookup(tuple)!;
  if (isReply && (status & Status.SEEN_REPLY) === 0) {
    kernel.setStatus(handle, Status.SEEN_REPLY, stream);
    return Passage.CHANGED;
  }
  if (!isReply && (status & Status.SEEN_REPLY) !== 0 && (status & Status.ASSURED) === 0) {
    kernel.setStatus(handle, Status.ASSURED, stream);
    return Passage.CHANGED;
  }
  kernel.extend(handle, (status & Status.SEEN_REPLY) === 0 ? UNANSWERED_S : stream);
  return Passage.PASSED;
}

/** Messages of packet queues, nfnetlink_queue: what is sent to the kernel. */

import { networkWord } from '../../bytes/endian.ts';
import { writeU32 } from '../../bytes/integers.ts';
import type { Expectation } from '../../flow/expectation.ts';
import { HEADERS, type NetlinkWriter, NLM_F_ACK, NLM_F_REQUEST } from '../../system/netlink.ts';
import { putExpectation } from './expectation-attributes.ts';
import {
  COPY_PACKET,
  HelperSubsystem,
  Nfqa,
  QueueCommand,
  QueueConfig,
  QueueFlag,
  QueueMessage,
} from './numbers.ts';

/** Bytes of a packet that the kernel copies: all of the largest one. */
const COPY_RANGE = 0xffff;

/** Appends a request that makes the queue this socket's own; EPERM where another socket has it. */
export function putBindQueue(to: NetlinkWriter, sequence: number, queueNum: number): void {
  putCommand(to, sequence, queueNum, QueueCommand.BIND);
}

/** Appends a request that gives the queue up. The kernel drops the packets that wait in it. */
export function putUnbindQueue(to: NetlinkWriter, sequence: number, queueNum: number): void {
  putCommand(to, sequence, queueNum, QueueCommand.UNBIND);
}

/**
 * Appends a request that asks for whole packets together with their flows, and lets packets pass while the queue is
 * full or the socket takes no more. Without the flag for segmentation offload the kernel delivers packets as they go on
 * the wire, checksums included: only such a packet can be rewritten.
 * @param length packets in the queue at most; 0: the kernel's default
 */
export function putConfigureQueue(
  to: NetlinkWriter,
  sequence: number,
  queueNum: number,
  length: number,
): void {
  const began = begin(to, QueueMessage.CONFIG, NLM_F_ACK, sequence, queueNum);
  // struct nfqnl_msg_config_params: copy range (u32), copy mode (u8), packed.
  const params = new Uint8Array(5);
  writeU32(params, 0, COPY_RANGE);
  params[4] = COPY_PACKET;
  to.copy(QueueConfig.PARAMS, params, 0, params.length);
  const flags = QueueFlag.CONNTRACK | QueueFlag.FAIL_OPEN;
  to.u32(QueueConfig.FLAGS, flags);
  to.u32(QueueConfig.MASK, flags | QueueFlag.GSO);
  if (length > 0) to.u32(QueueConfig.MAX_LENGTH, length);
  to.endMessage(began);
}

function putCommand(to: NetlinkWriter, sequence: number, queueNum: number, command: number): void {
  const began = begin(to, QueueMessage.CONFIG, NLM_F_ACK, sequence, queueNum);
  // struct nfqnl_msg_config_cmd: command (u8), padding, protocol family (u16), which the kernel ignores.
  const value = new Uint8Array(4);
  value[0] = command;
  to.copy(QueueConfig.COMMAND, value, 0, value.length);
  to.endMessage(began);
}

/** What becomes of a packet. */
export interface PacketVerdict {
  /** `Verdict` of numbers.ts. */
  readonly verdict: number;
  /** The packet from its IP header on that goes on in place of the queued one; undefined: as it was. */
  readonly packet?: Uint8Array;
  /** What the packet's flow expects; for a flow that is not in the kernel's table before its first packet has this verdict. */
  readonly expectation?: Expectation;
}

/**
 * Appends a verdict, which the kernel does not acknowledge. An empty NFQA_CT lets the kernel look at the flow: without it,
 * it takes no expectation, and does not adjust the sequence numbers of a translated flow to a packet of another length.
 */
export function putVerdict(
  to: NetlinkWriter,
  queueNum: number,
  packetId: number,
  { verdict, packet, expectation }: PacketVerdict,
): void {
  const began = begin(to, QueueMessage.VERDICT, 0, 0, queueNum);
  // struct nfqnl_msg_verdict_hdr: verdict (u32), identifier (u32).
  const header = new Uint8Array(8);
  writeU32(header, 0, verdict);
  writeU32(header, 4, packetId);
  to.copy(Nfqa.VERDICT_HEADER, header, 0, header.length);
  if (packet !== undefined) to.copy(Nfqa.PAYLOAD, packet, 0, packet.length);
  if (packet !== undefined || expectation !== undefined) to.endNest(to.nest(Nfqa.FLOW));
  if (expectation !== undefined) {
    const nest = to.nest(Nfqa.EXPECTATION);
    putExpectation(to, expectation);
    to.endNest(nest);
  }
  to.endMessage(began);
}

function begin(
  to: NetlinkWriter,
  message: number,
  flags: number,
  sequence: number,
  queueNum: number,
): number {
  const began = to.message(HelperSubsystem.QUEUE, message, NLM_F_REQUEST | flags, sequence, 0);
  // The resource of nfgenmsg is the queue's number.
  to.words[(began + HEADERS - 4) >> 2] = networkWord(queueNum);
  return began;
}

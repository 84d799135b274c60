/** Requests about the whole table: dumps and statistics. */

import { Status } from '../../flow/status.ts';
import { type NetlinkWriter, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST } from '../../system/netlink.ts';
import { Cta, CtnetlinkMessage, Subsystem } from './ctnetlink-numbers.ts';

/** Appends a request for all flows, of every address family and zone. */
export function putDumpFlows(to: NetlinkWriter, sequence: number): void {
  to.endMessage(beginDump(to, Subsystem.FLOW, sequence));
}

/**
 * Appends a request for all flows that no packet has answered yet. A kernel that does not know the status
 * mask dumps all flows.
 */
export function putDumpUnansweredFlows(to: NetlinkWriter, sequence: number): void {
  putDumpOfStatus(to, sequence, 0, Status.SEEN_REPLY);
}

/** Appends a request for all flows whose sequence numbers are shifted. Without the status mask it is one for all flows. */
export function putDumpShiftedFlows(to: NetlinkWriter, sequence: number): void {
  putDumpOfStatus(to, sequence, Status.SEQ_ADJUST, Status.SEQ_ADJUST);
}

/** Appends a request for all expectations, of every address family and zone. */
export function putDumpExpectations(to: NetlinkWriter, sequence: number): void {
  to.endMessage(beginDump(to, Subsystem.EXPECTATION, sequence));
}

/** Of the flows whose status has these bits of the mask. */
function putDumpOfStatus(to: NetlinkWriter, sequence: number, bits: number, mask: number): void {
  const message = beginDump(to, Subsystem.FLOW, sequence);
  to.u32(Cta.STATUS, bits);
  to.u32(Cta.STATUS_MASK, mask);
  to.endMessage(message);
}

function beginDump(to: NetlinkWriter, subsystem: 1 | 2, sequence: number): number {
  return to.message(subsystem, CtnetlinkMessage.GET, NLM_F_REQUEST | NLM_F_DUMP, sequence, 0);
}

/** Appends a request for the table's statistics. Every kernel with ctnetlink answers it. */
export function putGetStatistics(to: NetlinkWriter, sequence: number): void {
  to.endMessage(
    to.message(Subsystem.FLOW, CtnetlinkMessage.GET_STATS, NLM_F_REQUEST | NLM_F_ACK, sequence, 0),
  );
}

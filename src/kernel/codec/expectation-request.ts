/**
 * Converts canonical records of expectations to ctnetlink requests.
 *
 * A create carries more than the C node's: it keeps the expectation's class, NAT and function.
 * libnetfilter_conntrack leaves them out, and a translated data connection then arrives untranslated.
 */

import {
  type NetlinkWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from '../../system/netlink.ts';
import { ExpAttr } from '../../wire/expectation-attributes.ts';
import { CtaExpect, CtaExpectNat, CtnetlinkMessage, Subsystem } from './ctnetlink-numbers.ts';
import { family, index, putTuple, u8At, valueSize } from './request-tuple.ts';

// A module-level constant: the compiler embeds it in machine code, which it does not do with an import.
const { valueAt } = index;

/**
 * Writes one of the indexed expectation's three tuples; `first` is the type of its IPv4 attribute. Writes
 * nothing if the tuple has no address.
 */
function putExpectationTuple(to: NetlinkWriter, type: number, bytes: Uint8Array, first: number): void {
  const v4 = valueAt[first]!;
  const v6 = valueAt[first + 1]!;
  if (v4 === 0 && v6 === 0) return;
  putTuple(to, type, bytes, v4, v6, u8At(bytes, valueAt[first + 2]!), valueAt[first + 3]!);
}

/**
 * Appends a request that creates the expectation `bytes[start, end)`, with class, NAT and function (see the
 * top of this file). A `timeout` of 0 stands for the record's own.
 */
export function putCreateExpectation(
  to: NetlinkWriter,
  sequence: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  timeout: number,
): void {
  index.take(bytes, start, end);
  const flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  const message = to.message(
    Subsystem.EXPECTATION,
    CtnetlinkMessage.NEW,
    flags,
    sequence,
    family(ExpAttr.EXPECT_IPV6),
  );
  putExpectationTuple(to, CtaExpect.TUPLE, bytes, ExpAttr.EXPECT_IPV4);
  putExpectationTuple(to, CtaExpect.MASTER, bytes, ExpAttr.MASTER_IPV4);
  putExpectationTuple(to, CtaExpect.MASK, bytes, ExpAttr.MASK_IPV4);
  const at = valueAt;
  if (timeout > 0) to.u32(CtaExpect.TIMEOUT, timeout);
  else if (at[ExpAttr.TIMEOUT] !== 0) to.copy(CtaExpect.TIMEOUT, bytes, at[ExpAttr.TIMEOUT]!, 4);
  if (at[ExpAttr.FLAGS] !== 0) to.copy(CtaExpect.FLAGS, bytes, at[ExpAttr.FLAGS]!, 4);
  const helper = at[ExpAttr.HELPER_NAME]!;
  if (helper !== 0) to.copy(CtaExpect.HELP_NAME, bytes, helper, valueSize(bytes, helper));
  if (at[ExpAttr.CLASS] !== 0) to.copy(CtaExpect.CLASS, bytes, at[ExpAttr.CLASS]!, 4);
  const nat = at[ExpAttr.NAT_IPV4]!;
  if (nat !== 0 && at[ExpAttr.NAT_DIR] !== 0) {
    const nest = to.nest(CtaExpect.NAT);
    to.copy(CtaExpectNat.DIR, bytes, at[ExpAttr.NAT_DIR]!, 4);
    const protocol = u8At(bytes, at[ExpAttr.NAT_L4PROTO]!);
    putTuple(to, CtaExpectNat.TUPLE, bytes, nat, 0, protocol, at[ExpAttr.NAT_PORT]!);
    to.endNest(nest);
  }
  const name = at[ExpAttr.FN]!;
  if (name !== 0) to.copy(CtaExpect.FN, bytes, name, valueSize(bytes, name));
  to.endMessage(message);
}

/** Like `putFlowLookup`, for an expectation. */
export function putExpectationLookup(
  to: NetlinkWriter,
  kind: typeof CtnetlinkMessage.DELETE | typeof CtnetlinkMessage.GET,
  sequence: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  index.take(bytes, start, end);
  const flags = NLM_F_REQUEST | NLM_F_ACK;
  const message = to.message(Subsystem.EXPECTATION, kind, flags, sequence, family(ExpAttr.EXPECT_IPV6));
  putExpectationTuple(to, CtaExpect.TUPLE, bytes, ExpAttr.EXPECT_IPV4);
  to.endMessage(message);
}

/** Appends a request that deletes all expectations. */
export function putFlushExpectations(to: NetlinkWriter, sequence: number): void {
  const flags = NLM_F_REQUEST | NLM_F_ACK;
  to.endMessage(to.message(Subsystem.EXPECTATION, CtnetlinkMessage.DELETE, flags, sequence, 0));
}

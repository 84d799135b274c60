/** An expectation as ctnetlink takes it, in requests and in the verdict on a packet. */

import type { Expectation } from '../../flow/expectation.ts';
import { parseAddress } from '../../flow/parse-address.ts';
import type { Tuple } from '../../flow/tuple.ts';
import type { NetlinkWriter } from '../../system/netlink.ts';
import { CtaExpect, CtaExpectNat, CtaIp, CtaProto, CtaTuple } from '../codec/ctnetlink-numbers.ts';

/**
 * Writes all attributes but the master: tuple, mask, class, flags, helper, function, translation. The kernel takes the
 * timeout from the policy of the master's helper.
 */
export function putExpectation(to: NetlinkWriter, expectation: Expectation): void {
  const { expected, mask, flags, nat, helper } = expectation;
  putTextTuple(to, CtaExpect.TUPLE, expected);
  if (mask !== undefined) putTextTuple(to, CtaExpect.MASK, mask);
  if (flags !== undefined && flags !== 0) to.u32(CtaExpect.FLAGS, flags);
  if (helper !== undefined) putText(to, CtaExpect.HELP_NAME, helper);
  if (expectation.class !== undefined) to.u32(CtaExpect.CLASS, expectation.class);
  if (nat !== undefined) {
    const nest = to.nest(CtaExpect.NAT);
    to.u32(CtaExpectNat.DIR, nat.direction ?? 0);
    putTextTuple(to, CtaExpectNat.TUPLE, nat.tuple);
    to.endNest(nest);
  }
  if (expectation.function !== undefined) putText(to, CtaExpect.FN, expectation.function);
}

/** Writes a tuple of a protocol with ports as an attribute of this type. */
export function putTextTuple(to: NetlinkWriter, type: number, tuple: Tuple): void {
  const { family, source, destination, protocol, ports } = tuple;
  const nest = to.nest(type);
  const ip = to.nest(CtaTuple.IP);
  putAddress(to, family === 4 ? CtaIp.V4_SRC : CtaIp.V6_SRC, source);
  putAddress(to, family === 4 ? CtaIp.V4_DST : CtaIp.V6_DST, destination);
  to.endNest(ip);
  const proto = to.nest(CtaTuple.PROTO);
  to.u8(CtaProto.NUM, protocol);
  to.u16(CtaProto.SRC_PORT, ports?.source ?? 0);
  to.u16(CtaProto.DST_PORT, ports?.destination ?? 0);
  to.endNest(proto);
  to.endNest(nest);
}

function putAddress(to: NetlinkWriter, type: number, address: string): void {
  const bytes = parseAddress(address);
  to.copy(type, bytes, 0, bytes.length);
}

function putText(to: NetlinkWriter, type: number, text: string): void {
  const bytes = new TextEncoder().encode(`${text}\0`);
  to.copy(type, bytes, 0, bytes.length);
}

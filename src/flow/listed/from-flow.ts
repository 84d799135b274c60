import type { Flow } from '../flow.ts';
import { parseAddress } from '../parse-address.ts';
import { isIcmp } from '../protocol.ts';
import type { Tuple } from '../tuple.ts';
import { AddressAt, type ListedDirection, type ListedFlow, UNKNOWN } from './listed-flow.ts';

/** Fills a listed flow from a `Flow`. @throws RangeError where an address is none */
export function listFlow(flow: Flow, to: ListedFlow): void {
  const { original, reply } = flow;
  to.clear();
  to.family = original.family;
  to.protocol = original.protocol;
  direction(original, to, to.original, AddressAt.SOURCE, AddressAt.DESTINATION);
  if (reply !== undefined) {
    to.hasReply = true;
    direction(reply, to, to.reply, AddressAt.REPLY_SOURCE, AddressAt.REPLY_DESTINATION);
  }
  to.state = flow.tcp?.state ?? flow.sctp?.state ?? flow.dccp?.state ?? UNKNOWN;
  to.status = flow.status ?? UNKNOWN;
  to.timeout = flow.timeout ?? UNKNOWN;
  to.mark = flow.mark ?? UNKNOWN;
  to.zone = flow.zone ?? UNKNOWN;
  to.id = flow.id ?? UNKNOWN;
  to.helper = flow.helper ?? '';
  to.labels = flow.labels;
  to.master = flow.master;
}

function direction(
  tuple: Tuple,
  flow: ListedFlow,
  to: ListedDirection,
  sourceAt: AddressAt,
  destinationAt: AddressAt,
): void {
  flow.addresses.set(parseAddress(tuple.source), sourceAt);
  flow.addresses.set(parseAddress(tuple.destination), destinationAt);
  if (tuple.ports !== undefined) {
    to.sourcePort = tuple.ports.source;
    to.destinationPort = tuple.ports.destination;
  }
  if (isIcmp(tuple.protocol)) {
    to.icmpType = tuple.icmp?.type ?? 0;
    to.icmpCode = tuple.icmp?.code ?? 0;
    to.icmpId = tuple.icmp?.id ?? 0;
  }
  to.zone = tuple.zone ?? UNKNOWN;
}

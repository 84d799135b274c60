/**
 * The rules of the guard, as nft shows them:
 *
 *     iifname != @guarded accept
 *     meta pkttype broadcast accept
 *     meta pkttype multicast accept
 *     meta l4proto vrrp accept
 *     meta l4proto ah accept
 *     ip daddr @own4 counter name "own" accept
 *     ip6 daddr @own6 counter name "own" accept
 *     ip6 daddr fe80::/10 accept
 *     icmpv6 type nd-router-solicit-nd-redirect accept
 *     what the administrator lets through
 *     ct state established,related accept
 *     counter name "dropped" drop
 *
 * What is committed passes at once, although the commit goes on: the kernel has its flow. A packet without one is dropped
 * before the kernel keeps a flow for it, so nothing remains of it.
 */

import type { AddressPrefix, AllowedTraffic } from '../../settings/allowed-traffic.ts';
import { NFPROTO_IPV4, NFPROTO_IPV6 } from '../codec/ctnetlink-numbers.ts';
import type { RuleWriter } from './expressions.ts';
import { ConntrackState, MetaKey, PayloadBase, Verdict } from './nftables-numbers.ts';

/** Names within the table. */
export const GUARDED = 'guarded';
export const OWN4 = 'own4';
export const OWN6 = 'own6';
export const OWN_COUNTER = 'own';
export const DROPPED_COUNTER = 'dropped';

/** PACKET_BROADCAST and PACKET_MULTICAST, packet(7). */
const PKTTYPE_BROADCAST = 1;
const PKTTYPE_MULTICAST = 2;
const IPPROTO_AH = 51;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_VRRP = 112;
/** Router solicitation to redirect, RFC 4861. */
const ND_FIRST = 133;
const ND_LAST = 137;
const LINK_LOCAL: AddressPrefix = {
  address: Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  length: 10,
};

/** Offsets of addresses in the headers of IP, RFC 791, RFC 8200. */
const IPV4_SOURCE = 12;
const IPV4_DESTINATION = 16;
const IPV6_SOURCE = 8;
const IPV6_DESTINATION = 24;
/** Of TCP, UDP and SCTP. */
const DESTINATION_PORT = 2;

export type WriteRule = (rule: RuleWriter) => void;

/** The rules in order. */
export function guardRules(allow: readonly AllowedTraffic[]): WriteRule[] {
  return [
    (rule) => rule.meta(MetaKey.IIFNAME).isNotIn(GUARDED).verdict(Verdict.ACCEPT),
    (rule) => rule.meta(MetaKey.PKTTYPE).is(byte(PKTTYPE_BROADCAST)).verdict(Verdict.ACCEPT),
    (rule) => rule.meta(MetaKey.PKTTYPE).is(byte(PKTTYPE_MULTICAST)).verdict(Verdict.ACCEPT),
    (rule) => rule.meta(MetaKey.L4PROTO).is(byte(IPPROTO_VRRP)).verdict(Verdict.ACCEPT),
    (rule) => rule.meta(MetaKey.L4PROTO).is(byte(IPPROTO_AH)).verdict(Verdict.ACCEPT),
    (rule) =>
      ofFamily(rule, NFPROTO_IPV4)
        .payload(PayloadBase.NETWORK, IPV4_DESTINATION, 4)
        .isIn(OWN4)
        .count(OWN_COUNTER)
        .verdict(Verdict.ACCEPT),
    (rule) =>
      ofFamily(rule, NFPROTO_IPV6)
        .payload(PayloadBase.NETWORK, IPV6_DESTINATION, 16)
        .isIn(OWN6)
        .count(OWN_COUNTER)
        .verdict(Verdict.ACCEPT),
    (rule) => address(rule, LINK_LOCAL, IPV4_DESTINATION, IPV6_DESTINATION).verdict(Verdict.ACCEPT),
    (rule) =>
      rule
        .meta(MetaKey.L4PROTO)
        .is(byte(IPPROTO_ICMPV6))
        .payload(PayloadBase.TRANSPORT, 0, 1)
        .isWithin(byte(ND_FIRST), byte(ND_LAST))
        .verdict(Verdict.ACCEPT),
    ...allow.map(
      (traffic): WriteRule =>
        (rule) =>
          allowed(rule, traffic).verdict(Verdict.ACCEPT),
    ),
    (rule) => rule.isInState(ConntrackState.ESTABLISHED | ConntrackState.RELATED).verdict(Verdict.ACCEPT),
    (rule) => rule.count(DROPPED_COUNTER).verdict(Verdict.DROP),
  ];
}

function allowed(rule: RuleWriter, { protocol, ports, from }: AllowedTraffic): RuleWriter {
  if (from !== undefined) address(rule, from, IPV4_SOURCE, IPV6_SOURCE);
  if (protocol !== undefined) rule.meta(MetaKey.L4PROTO).is(byte(protocol));
  if (ports === undefined) return rule;
  rule.payload(PayloadBase.TRANSPORT, DESTINATION_PORT, 2);
  const { first, last } = ports;
  return first === last ? rule.is(port(first)) : rule.isWithin(port(first), port(last));
}

function address(rule: RuleWriter, prefix: AddressPrefix, offset4: number, offset6: number): RuleWriter {
  const size = prefix.address.length;
  const [family, offset] = size === 4 ? [NFPROTO_IPV4, offset4] : [NFPROTO_IPV6, offset6];
  return ofFamily(rule, family)
    .payload(PayloadBase.NETWORK, offset, size)
    .prefix(prefix.length, size)
    .is(prefix.address);
}

function ofFamily(rule: RuleWriter, family: number): RuleWriter {
  return rule.meta(MetaKey.NFPROTO).is(byte(family));
}

function byte(value: number): Uint8Array {
  return Uint8Array.of(value);
}

function port(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

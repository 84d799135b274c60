/** Numbers of the protocols between a link and a transport's header, as IANA and IEEE list them. */

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
/** 802.1Q, 802.1ad, and what some switches used before. */
export const ETHERTYPES_VLAN: readonly number[] = [0x8100, 0x88a8, 0x9100];

export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;

/** More fragments, and the offset, in the half word at offset 6 of an IPv4 header. */
export const IPV4_FRAGMENT_BITS = 0x3fff;

export const IPV6_HOP_BY_HOP = 0;
export const IPV6_ROUTING = 43;
export const IPV6_FRAGMENT = 44;
export const IPV6_AUTHENTICATION = 51;
export const IPV6_DESTINATION = 60;
export const IPV6_MOBILITY = 135;

import type { Family } from './address.ts';

export interface Ports {
  /** 0 to 65535; for GRE the key, as ctnetlink carries it. */
  readonly source: number;
  readonly destination: number;
}

export interface Icmp {
  readonly type: number;
  readonly code: number;
  readonly id: number;
}

/** One direction of a flow. Addresses are text as `inet_ntop` prints them. */
export interface Tuple {
  readonly family: Family;
  readonly source: string;
  readonly destination: string;
  /** Layer 4 protocol number. */
  readonly protocol: number;
  readonly ports?: Ports;
  readonly icmp?: Partial<Icmp>;
  /** Zone of this direction alone, where the kernel keeps the two apart. It does not go on the wire. */
  readonly zone?: number;
}

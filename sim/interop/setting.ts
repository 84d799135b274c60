import type { NodeSpec } from './node-spec.ts';

export const MODES = ['ftfw', 'notrack', 'alarm'] as const;
export type Mode = (typeof MODES)[number];

export const LINKS = ['udp', 'multicast', 'tcp'] as const;
export type Link = (typeof LINKS)[number];

/** As conntrackd.conf has them. */
export const MODE_WORDS = { ftfw: 'FTFW', notrack: 'NOTRACK', alarm: 'ALARM' } as const;
export const LINK_WORDS = { udp: 'UDP', multicast: 'Multicast', tcp: 'TCP' } as const;

/** Who plays a case, and over what. */
export interface Setting {
  readonly mode: Mode;
  readonly link: Link;
  /** The node that has the virtual addresses at the start. */
  readonly primary: NodeSpec;
  readonly backup: NodeSpec;
}

import type { Family } from '../../sim/netns/lab.ts';

/** What goes over the connections. */
export interface Traffic {
  readonly transport: 'tcp' | 'udp';
  readonly family: Family;
  /** Who sends once a connection is open. */
  readonly talking: 'both' | 'server';
}

/** A kind of failover that the bench can measure. */
export interface Variant {
  readonly name: string;
  /** Ends the sentence "300 connections, …". */
  readonly title: string;
  readonly traffic: Traffic;
  /** Who notices that the primary is dead: the bench kills it and moves the addresses at once, keepalived waits. */
  readonly decider: 'bench' | 'keepalived';
}

const tcp: Traffic = { transport: 'tcp', family: 4, talking: 'both' };

export const VARIANTS: readonly Variant[] = [
  { name: 'tcp', title: 'TCP, both ends talk', traffic: tcp, decider: 'bench' },
  {
    name: 'tcp-from-server',
    title: 'TCP, only the server talks',
    traffic: { ...tcp, talking: 'server' },
    decider: 'bench',
  },
  { name: 'tcp6', title: 'TCP over IPv6, both ends talk', traffic: { ...tcp, family: 6 }, decider: 'bench' },
  { name: 'udp', title: 'UDP, both ends talk', traffic: { ...tcp, transport: 'udp' }, decider: 'bench' },
  {
    name: 'udp-from-server',
    title: 'UDP, only the server talks',
    traffic: { ...tcp, transport: 'udp', talking: 'server' },
    decider: 'bench',
  },
  {
    name: 'keepalived',
    title: 'TCP, both ends talk, keepalived decides (advertisements every second)',
    traffic: tcp,
    decider: 'keepalived',
  },
];

/** What a firewall does with packets to its own addresses that belong to no flow. */
export const INPUTS = ['accepts', 'drops'] as const;
export type Input = (typeof INPUTS)[number];

/** A packet filter's rules, as far as they are understood, whether nft or iptables listed them. */

/** What a rule asks of a packet. */
export type Condition =
  | { readonly kind: 'state'; readonly states: readonly string[]; readonly isNegated: boolean }
  /** Of the flags in `mask`, those in `set` are set and no others. */
  | {
      readonly kind: 'tcp-flags';
      readonly mask: readonly string[];
      readonly set: readonly string[];
      readonly isNegated: boolean;
    }
  | { readonly kind: 'protocol'; readonly names: readonly string[]; readonly isNegated: boolean }
  /** The interface that the packet arrives on. */
  | { readonly kind: 'interface'; readonly names: readonly string[]; readonly isNegated: boolean }
  /** Anything else, such as a port or an address. */
  | { readonly kind: 'unknown' };

/** `reject` answers with ICMP, which an open TCP connection of Linux survives; `reset` answers with RST. */
export type Decision = 'accept' | 'drop' | 'reject' | 'reset';

export type Verdict =
  | { readonly kind: Decision | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

export interface Rule {
  readonly conditions: readonly Condition[];
  /** Undefined for a rule that only counts or logs. */
  readonly verdict: Verdict | undefined;
  /** True for a rule that keeps its packets from being tracked. */
  readonly isNotrack?: true;
  /** The command that removes it; undefined for a part of a verdict map. */
  readonly remove?: string;
}

export type Hook = 'prerouting' | 'input' | 'forward';

/** The hook's priority at which packets are tracked, NF_IP_PRI_CONNTRACK. */
export const TRACKING_PRIORITY = -200;

export interface Chain {
  /** Names the table for people and for jumps: `inet filter`, or `iptables filter`. */
  readonly table: string;
  readonly name: string;
  /** Undefined for a chain that others jump to. */
  readonly hook: Hook | undefined;
  /** Of a hook; packets pass chains of lower ones first. */
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly Rule[];
}

/** A rule that translates sources. */
export interface SourceNat {
  /** Where it stands: `ip nat postrouting`, `iptables nat POSTROUTING`. */
  readonly place: string;
  /** As the rule names it; undefined where the interface's is taken, or one of a map. */
  readonly address: string | undefined;
  /** The first and the last port; undefined where the rule names none. */
  readonly ports: readonly [number, number] | undefined;
  /** A command that gives the rule all ports from 1024 on; undefined where it names none. */
  readonly widen?: string;
  /** A command that lets the rule choose ports at random; undefined where it does. */
  readonly randomise?: string;
}

export interface Rules {
  readonly chains: readonly Chain[];
  readonly sourceNat: readonly SourceNat[];
}

/** A TCP packet without SYN, of a connection that is not in the kernel's table. */
export interface StatelessPacket {
  /** What connection tracking makes of it: `new` where `nf_conntrack_tcp_loose` is on. */
  readonly state: 'invalid' | 'new';
}

/** A packet without SYN, by what connection tracking makes of it. */
export interface TrackedPacket {
  readonly state: 'invalid' | 'new' | 'established' | 'related';
}

const FLAGS: readonly string[] = ['ack', 'psh'];

export interface Fate {
  readonly kind: Decision;
  /** The base chain that decided; undefined where there is none. */
  readonly chain: Chain | undefined;
}

/**
 * What the chains of a hook do with the packet, where it arrives on an interface of a LAN, from any address and to any port: a
 * rule that asks for something unknown counts as one that does not match.
 */
export function fateOf(chains: readonly Chain[], hook: Hook, packet: TrackedPacket): Fate {
  const fates = chains
    .filter((chain) => chain.hook === hook)
    .map((chain): Fate => ({ kind: walk(chains, chain, packet, 0) ?? chain.policy, chain }));
  // What one chain accepts, the next one may refuse. Which comes first does not matter where one drops.
  const deciding = (['drop', 'reject', 'reset', 'accept'] as const)
    .map((kind) => fates.find((fate) => fate.kind === kind))
    .find((fate) => fate !== undefined);
  return deciding ?? { kind: 'accept', chain: undefined };
}

/** Jumps in jumps; the kernel allows 16. */
const DEPTH_MAX = 16;

/** Undefined where the chain comes to its end without a verdict. */
function walk(
  chains: readonly Chain[],
  chain: Chain,
  packet: TrackedPacket,
  depth: number,
): Decision | undefined {
  for (const { conditions, verdict } of chain.rules) {
    if (verdict === undefined || !conditions.every((condition) => holds(condition, packet))) continue;
    if (verdict.kind === 'return') return undefined;
    if (verdict.kind !== 'jump' && verdict.kind !== 'goto') return verdict.kind;
    const next = chains.find(({ table, name }) => table === chain.table && name === verdict.chain);
    const found =
      next === undefined || depth === DEPTH_MAX ? undefined : walk(chains, next, packet, depth + 1);
    if (found !== undefined || verdict.kind === 'goto') return found;
  }
  return undefined;
}

function holds(condition: Condition, { state }: TrackedPacket): boolean {
  switch (condition.kind) {
    case 'state':
      return condition.states.includes(state) !== condition.isNegated;
    case 'protocol':
      return condition.names.includes('tcp') !== condition.isNegated;
    case 'interface':
      // Some LAN's: surely not the loopback; whether one that is named, is not known.
      return condition.isNegated && condition.names.every((name) => name === 'lo');
    case 'tcp-flags': {
      const { mask, set, isNegated } = condition;
      const found = FLAGS.filter((flag) => mask.includes(flag));
      const isEqual = found.length === set.length && found.every((flag) => set.includes(flag));
      return isEqual !== isNegated;
    }
    case 'unknown':
      return false;
  }
}

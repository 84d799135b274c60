import { Request } from '../../src/control/codes.ts';
import type { Random } from '../random.ts';
import type { NetworkConditions } from './network.ts';
import type { ClusterOptions } from './options.ts';

/** A fault that begins `at` milliseconds after the start of its round; some last `lasts` milliseconds. */
export type Fault = {
  /** Which round, from 0. */
  readonly round: number;
  readonly at: number;
} & (
  | {
      readonly kind: 'conditions';
      readonly wire: number;
      readonly conditions: NetworkConditions;
      readonly lasts: number;
    }
  /** Nothing passes from one node to another, in this direction. */
  | {
      readonly kind: 'partition';
      readonly wire: number;
      readonly from: number;
      readonly to: number;
      readonly lasts: number;
    }
  | { readonly kind: 'interface'; readonly wire: number; readonly node: number; readonly lasts: number }
  /** The daemon is paused, so that buffers fill. */
  | { readonly kind: 'stall'; readonly node: number; readonly lasts: number }
  /** The daemon is killed and restarts; the kernel's table stays. */
  | { readonly kind: 'restart'; readonly node: number; readonly lasts: number; readonly clockJump: number }
  /** The machine fails and restarts. */
  | { readonly kind: 'power'; readonly node: number; readonly lasts: number; readonly clockJump: number }
  /** The machine fails, and another one takes over its traffic. It returns as a backup. */
  | {
      readonly kind: 'failover';
      readonly node: number;
      readonly to: number;
      readonly lasts: number;
      readonly clockJump: number;
    }
  | { readonly kind: 'request'; readonly node: number; readonly request: FaultRequest }
  /** `conntrack -F` */
  | { readonly kind: 'flush'; readonly node: number }
  | { readonly kind: 'burst'; readonly node: number; readonly connections: number }
);

/** Requests that an operator may send at any time, by `conntrackd`'s options. */
export const FAULT_REQUESTS = {
  'request resync (-n)': Request.REQUEST_RESYNC,
  'send bulk (-B)': Request.SEND_BULK,
  'resync with kernel (-R)': Request.RESYNC_KERNEL_ALL,
  'flush internal (-f internal)': Request.FLUSH_INTERNAL,
  'flush external (-f external)': Request.FLUSH_EXTERNAL,
  'flush caches (-f)': Request.FLUSH_CACHES_ALL,
  'commit (-c)': Request.COMMIT_ALL,
  'flush kernel (-F)': Request.FLUSH_KERNEL_ALL,
  'reset timers (-t)': Request.RESET_TIMERS,
} as const;
export type FaultRequest = keyof typeof FAULT_REQUESTS;

const REQUESTS = Object.keys(FAULT_REQUESTS) as FaultRequest[];

/** Whether a node may be primary through the fault that was not: in the runs of a hot standby nobody gives it a role. */
function makesPrimary(fault: Drawn<Fault>, { active }: ClusterOptions): boolean {
  if (fault.kind === 'burst') return !active.includes(fault.node);
  return fault.kind === 'failover' || fault.kind === 'power' || fault.kind === 'request';
}

/** The faults of a round that lasts `length` milliseconds: all are over when it ends. */
export function drawFaults(random: Random, options: ClusterOptions, round: number, length: number): Fault[] {
  const faults: Fault[] = [];
  for (let n = 0; n < options.faults; n++) {
    const at = Math.floor(random.fraction() * length * 0.9);
    const most = length - at;
    const lasts = Math.max(1, Math.min(most, Math.floor(random.exponential(length / 5))));
    let fault = drawFault(random, options, lasts);
    while (options.nodes[0]!.disableExternalCache && makesPrimary(fault, options))
      fault = drawFault(random, options, lasts);
    faults.push({ round, at, ...fault } as Fault);
  }
  return faults.sort((one, other) => one.at - other.at);
}

type Drawn<F> = F extends Fault ? Omit<F, 'round' | 'at'> : never;

function drawFault(random: Random, options: ClusterOptions, lasts: number): Drawn<Fault> {
  const node = random.below(options.nodes.length);
  const other = (node + random.between(1, options.nodes.length - 1)) % options.nodes.length;
  const wire = random.below(options.wires);
  const kind = random.fraction();
  if (kind < 0.4) return { kind: 'conditions', wire, conditions: drawConditions(random, options), lasts };
  if (kind < 0.55) return { kind: 'partition', wire, from: node, to: other, lasts };
  if (kind < 0.65) return { kind: 'interface', wire, node, lasts };
  if (kind < 0.75) return { kind: 'stall', node, lasts };
  if (kind < 0.8) return { kind: 'restart', node, lasts, clockJump: drawJump(random) };
  if (kind < 0.83) return { kind: 'power', node, lasts, clockJump: drawJump(random) };
  if (kind < 0.88) return { kind: 'failover', node, to: other, lasts, clockJump: drawJump(random) };
  if (kind < 0.93) return { kind: 'request', node, request: random.pick(REQUESTS) };
  if (kind < 0.95) return { kind: 'flush', node };
  return { kind: 'burst', node, connections: random.pick([10, 100, 400]) };
}

function drawConditions(random: Random, options: ClusterOptions): NetworkConditions {
  const often = () => random.pick([0, 0, 0.01, 0.1, 0.5]);
  // In a group with C nodes each one requests what is lost: under heavy loss the requests multiply.
  const multiply = options.nodes.length > 2 && options.nodes.some(({ program }) => program === 'c');
  const rarely = (chance: number) => (multiply ? Math.min(chance, 0.1) : chance);
  return {
    loss: rarely(often()),
    duplication: often(),
    corruption: random.chance(0.15) ? rarely(often()) / 5 : 0,
    truncation: random.chance(0.2) ? rarely(often() / 2) : 0,
    delay: random.pick([0.1, 1, 50]),
    jitter: random.pick([0, 0, 0.5, 20]),
  };
}

/** Seconds that a wall clock jumps while a machine restarts. */
function drawJump(random: Random): number {
  return random.pick([0, 0, 1, -1, -3600, -1_000_000_000, 1_000_000_000]);
}

/** A fault as text. */
export function describeFault(fault: Fault): string {
  const { round, at, kind, ...rest } = fault;
  const details = Object.entries(rest).map(([name, value]) => {
    if (typeof value !== 'object') return `${name} ${value}`;
    const parts = Object.entries(value).filter(([, part]) => part !== 0);
    return parts.map(([part, amount]) => `${part} ${amount}`).join(', ');
  });
  return `round ${round} +${at} ms: ${kind}: ${details.join(', ')}`;
}

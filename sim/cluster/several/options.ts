import { Random } from '../../random.ts';
import type { NodeOptions } from '../options.ts';
import type { Timeouts } from './packets.ts';

/** Which faults a run has: none but that flows move, nodes that die and come back, or all of the network and the daemons too. */
export type FaultKind = 'none' | 'deaths' | 'all';

/** A cluster of several active nodes, and the length of its run. */
export interface SeveralOptions {
  readonly seed: number;
  readonly steps: number;
  readonly nodes: readonly NodeOptions[];
  readonly multicast: boolean;
  readonly mtu: number;
  /** Connections that are open at a time, about. */
  readonly population: number;
  readonly timeouts: Timeouts;
  readonly kind: FaultKind;
  /** Faults a round. */
  readonly faults: number;
  /** Part of the datagrams between the nodes that is lost while there is traffic, besides the faults. */
  readonly loss: number;
  /** The part of the connections whose two directions pass different nodes. */
  readonly asymmetric: number;
}

/** What is given on the command line; the seed draws the rest. */
export interface SeveralSettings {
  readonly seed: number;
  readonly steps: number;
  readonly nodes?: number | undefined;
  readonly faults?: number | undefined;
  /** Percent. */
  readonly loss?: number | undefined;
  readonly population?: number | undefined;
}

export function drawSeveral(settings: SeveralSettings): SeveralOptions {
  const random = Random.forPurpose(settings.seed, 'several');
  const count = settings.nodes ?? random.between(2, 4);
  const kind = settings.faults === 0 ? 'none' : random.pick<FaultKind>(['none', 'deaths', 'all', 'all']);
  const shared = {
    mode: 'ftfw',
    program: 'ours',
    resendQueueSize: 131_072,
    ackWindowSize: random.pick([1, 5, 20, 300]),
    refreshTime: 15,
    cacheTimeout: 180,
    commitTimeout: undefined,
    purgeTimeout: 60,
    hashLimit: 262_144,
    startupResync: random.chance(0.5),
    expectationSync: false,
    disableExternalCache: true,
    severalActive: true,
    overrunResync: 5,
  } as const;
  const nodes = Array.from(
    { length: count },
    (): NodeOptions => ({
      ...shared,
      eventLimit: random.pick([32, 65_536, 65_536]),
      receiveBuffer: 212_992,
      wallSeconds: 1_700_000_000 + random.below(1000),
    }),
  );
  return {
    seed: settings.seed,
    steps: settings.steps,
    nodes,
    multicast: count > 2 || random.chance(0.5),
    mtu: random.pick([576, 1500, 9000]),
    population: settings.population ?? random.pick([10, 40, 120]),
    timeouts: { established: random.pick([60, 180]), stream: random.pick([40, 120]) },
    kind,
    faults: kind === 'none' ? 0 : (settings.faults ?? random.pick([2, 4, 8])),
    loss: settings.loss === undefined ? random.pick([0, 0, 0.05]) : settings.loss / 100,
    asymmetric: random.pick([0, 0.3, 1]),
  };
}

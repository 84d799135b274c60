import { type Churn, startChurn } from '../../load/churn.ts';
import { makeEvents } from '../../load/make-events.ts';
import {
  type ConfigurationOptions,
  type ConntrackdNode,
  cProgram,
  type Firewall,
  type Lab,
  type NodeOptions,
  type Program,
  type Side,
  withLab,
} from '../../netns/lab.ts';
import type { PairChanges, PairKind } from '../pair-kind.ts';
import { compareCaches, comparePair, type PairDifference } from './comparison.ts';
import { type Recovery, untilEqual } from './recovery.ts';

/** Milliseconds that a start may take on a machine that others use too. */
const START_MS = 60_000;
/** Milliseconds for a new pair to have the whole table. */
const FILL_MS = 90_000;
/** Flows a second, which no event buffer is too small for. */
const FILL_RATE = 20_000;

export interface StageOptions {
  readonly kind: PairKind;
  /** The program of ours that is tested. */
  readonly ours: Program;
  readonly flows: number;
  readonly churnPerSecond: number;
  readonly giveUpMs: number;
  readonly changes: PairChanges;
}

/** A pair with flows whose nodes are equal, and what a scenario does to it. */
export interface Stage {
  readonly kind: PairKind;
  readonly lab: Lab;
  /** Flows in the table at the beginning: those with the numbers from 0. */
  readonly flows: number;
  readonly active: Firewall;
  readonly standby: Firewall;
  node(side: Side): ConntrackdNode;
  /** Whether a side runs our program. */
  isOurs(side: Side): boolean;
  /** What a node is started with; `changes` are lines beside the scenario's. */
  optionsOf(side: Side, changes?: ConfigurationOptions): NodeOptions;
  /** Starts a side's node, which must have ended. */
  start(side: Side, changes?: ConfigurationOptions): Promise<ConntrackdNode>;
  /** Lets the active firewall's flows change all the time. */
  churn(): Promise<Churn>;
  /** Ends the first `count` flows of the active firewall's kernel, and begins as many. */
  replaceFlows(count: number): Promise<void>;
  /**
   * How far a standby is from an active firewall whose node may have started under churn: of a node of ours everything, of a C node only
   * the caches.
   */
  compareStarted(active: Firewall, standby: Firewall): Promise<PairDifference>;
  /** Waits until the pair is equal, since the moment `endedAt` of `performance.now()`. */
  recovery(endedAt?: number, compare?: () => Promise<PairDifference>): Promise<Recovery>;
}

const PROGRAM_OF: Readonly<Record<PairKind, Readonly<Record<Side, 'c' | 'ours'>>>> = {
  c: { a: 'c', b: 'c' },
  ours: { a: 'ours', b: 'ours' },
  mixed: { a: 'c', b: 'ours' },
};

function merged(...parts: readonly (ConfigurationOptions | undefined)[]): ConfigurationOptions {
  const given = parts.filter((part) => part !== undefined);
  const lines = (name: 'inMode' | 'inGeneral') => given.flatMap((part) => part[name] ?? []);
  const whole: ConfigurationOptions = Object.assign({}, ...given);
  return { ...whole, inMode: lines('inMode'), inGeneral: lines('inGeneral') };
}

/** Room for the flows, unless a scenario has its own limit. */
function roomFor(flows: number, changes: readonly (ConfigurationOptions | undefined)[]) {
  const isLimited = changes.some((part) => part?.inGeneral?.some((line) => line.startsWith('HashLimit')));
  return isLimited ? {} : { inGeneral: [`HashLimit ${Math.max(262_144, 2 * flows)}`] };
}

/** Runs `work` with a pair that is equal. */
export function withStage<T>(options: StageOptions, work: (stage: Stage) => Promise<T>): Promise<T> {
  const { kind, ours, flows, churnPerSecond, giveUpMs, changes } = options;
  return withLab(changes.lab ?? {}, async (lab) => {
    const isOurs = (side: Side) => PROGRAM_OF[kind][side] === 'ours';
    const { settings } = changes;
    const stage: Stage = {
      kind,
      lab,
      flows,
      active: lab.a,
      standby: lab.b,
      node: (side) => lab[side].node(),
      isOurs,
      optionsOf(side, more) {
        const parts = [changes.configuration, side === 'b' ? changes.backup : undefined, more];
        return {
          program: isOurs(side) ? ours : cProgram,
          configuration: merged(roomFor(flows, parts), ...parts),
          startTimeout: START_MS,
          ...(isOurs(side) && settings !== undefined ? { settings: () => settings } : {}),
        };
      },
      start: (side, more) => lab[side].start(stage.optionsOf(side, more)),
      churn: () => startChurn(lab.a.namespace, { oldest: 0, next: flows, ratePerSecond: churnPerSecond }),
      async replaceFlows(count) {
        await makeEvents(lab.a.namespace, { change: 'destroy', count });
        await makeEvents(lab.a.namespace, { change: 'new', first: flows, count });
      },
      compareStarted: (active, standby) =>
        isOurs(active.side) ? comparePair(active, standby) : compareCaches(active, standby),
      recovery: (endedAt = performance.now(), compare = () => comparePair(lab.a, lab.b)) =>
        untilEqual(compare, endedAt, giveUpMs),
    };
    await Promise.all([stage.start('a'), stage.start('b')]);
    await lab.settled(START_MS);
    await makeEvents(lab.a.namespace, { change: 'new', count: flows, rate: FILL_RATE });
    const filled = await untilEqual(() => comparePair(lab.a, lab.b), performance.now(), FILL_MS);
    if (filled.recoverMs === undefined) {
      throw new Error(`the pair was not equal before the fault: ${JSON.stringify(filled)}`);
    }
    return work(stage);
  });
}

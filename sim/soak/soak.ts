import { setTimeout as elapse } from 'node:timers/promises';
import type { Stage } from '../faults/stage/stage.ts';
import { Random } from '../random.ts';
import type { SoakOptions } from './options.ts';
import { type Sample, Sampler } from './sampler.ts';
import { pickFault, soakFaults } from './soak-faults.ts';
import { SoakPair } from './soak-pair.ts';

/** A fault that came, and what became of the pair. */
export interface SoakEvent {
  readonly name: string;
  /** Seconds from the soak's beginning to the fault's end. */
  readonly seconds: number;
  /** Milliseconds until the pair was equal; undefined if it diverged. */
  readonly recoverMs?: number;
  readonly lacks?: number;
  readonly dead?: number;
  readonly trouble?: string;
}

export interface SoakResult {
  readonly events: readonly SoakEvent[];
  readonly samples: readonly Sample[];
  /** Why the soak ended early: a node that ended by itself, or a pair that no command makes equal. */
  readonly trouble?: string;
}

const PAUSE_SECONDS_MAX = 120;

/** A node that ended without a fault that ends it. */
function endedNode({ lab }: SoakPair): string | undefined {
  const dead = [lab.a, lab.b].find((firewall) => !firewall.node().running());
  return dead === undefined
    ? undefined
    : `the node of ${dead.side} ended by itself; its log: ${dead.node().log().trim().slice(-1_000)}`;
}

/** Lets faults come at random until the time is over; `progress` gets a line for each. */
export async function soak(
  stage: Stage,
  options: SoakOptions,
  progress: (line: string) => void,
): Promise<SoakResult> {
  const random = Random.forPurpose(options.seed, 'soak');
  const faults = soakFaults(options.isWithoutRestarts);
  const sampler = new Sampler(stage.lab, options.sampleSeconds * 1_000);
  const pair = await SoakPair.begin(stage, options.ratePerSecond);
  const events: SoakEvent[] = [];
  const finish = (trouble?: string): SoakResult => ({
    events,
    samples: sampler.samples,
    ...(trouble === undefined ? {} : { trouble }),
  });
  try {
    while (sampler.seconds() < options.minutes * 60) {
      await elapse(1_000 * Math.min(PAUSE_SECONDS_MAX, random.exponential(options.faultSeconds)));
      const fault = pickFault(faults, random);
      await fault.run(pair, random);
      const seconds = sampler.seconds();
      const ended = endedNode(pair);
      if (ended !== undefined) return finish(`after the fault \`${fault.name}': ${ended}`);
      const event = { name: fault.name, seconds, ...(await pair.convergence()) };
      events.push(event);
      const { recoverMs, lacks, dead, trouble } = event;
      const what =
        recoverMs === undefined
          ? `diverged: ${trouble ?? `lacks ${lacks}, ${dead} dead ones`}`
          : `equal after ${Math.round(recoverMs)} ms`;
      progress(`${(seconds / 60).toFixed(1)} min, ${fault.name}: ${what}`);
      if (recoverMs === undefined && !(await pair.repair())) {
        return finish(`after the fault \`${fault.name}' no command makes the pair equal`);
      }
    }
    await pair.stop();
    return finish();
  } catch (error) {
    return finish((error as Error).message);
  } finally {
    sampler.stop();
  }
}

import { execFileSync } from 'node:child_process';
import { runCell } from './cell.ts';
import type { Outcome } from './outcome.ts';
import { INPUTS, type Input, VARIANTS, type Variant } from './traffic.ts';
import { isSupported, WAYS, type Way } from './way.ts';

/** What of the failover measure is to run. */
export interface FailoverOptions {
  readonly rounds: number;
  /** Numbers of idle flows, one row set each. */
  readonly idleFlows: readonly number[];
  readonly variants: readonly Variant[];
  readonly ways: readonly Way[];
  readonly inputs: readonly Input[];
}

/** One cell of the table with its rounds. */
export interface CellResult {
  readonly variant: string;
  readonly way: string;
  readonly input: Input;
  readonly idleFlows: number;
  readonly rounds: readonly Outcome[];
}

export interface FailoverResults {
  readonly options: FailoverOptions;
  readonly cells: readonly CellResult[];
}

/** @throws RangeError that names what there is, if a name is unknown */
export function chooseNamed<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  names: readonly string[],
): readonly T[] {
  return names.map((name) => {
    const found = all.find((each) => each.name === name);
    if (found !== undefined) return found;
    throw new RangeError(`no ${what} ${name}; there are ${all.map((each) => each.name).join(', ')}`);
  });
}

/** All ways that this program knows, without the controls. */
export function defaultWays(): readonly Way[] {
  return WAYS.filter((way) => way.control === undefined && isSupported(way));
}

export const DEFAULT_VARIANTS: readonly Variant[] = VARIANTS.slice(0, 1);

/** Of the bench itself, in real time: below the ends and the nodes. */
const PRIORITY = 50;

/** Lets the bench read the clock at once when something happens. What it starts runs as usual. */
function runInRealTime(): void {
  execFileSync('chrt', ['--fifo', '--reset-on-fork', '--pid', String(PRIORITY), String(process.pid)]);
}

/** Runs all cells, round by round, there and back: a slow minute of the machine affects few rounds of any one cell. */
export async function runFailovers(options: FailoverOptions): Promise<FailoverResults> {
  const { rounds, idleFlows, variants, ways } = options;
  runInRealTime();
  const cells = variants.flatMap((variant) =>
    idleFlows.flatMap((idle) =>
      INPUTS.filter((input) => options.inputs.includes(input)).flatMap((input) =>
        ways.map((way) => ({ variant, idleFlows: idle, input, way })),
      ),
    ),
  );
  const found = cells.map((): Outcome[] => []);
  for (let round = 0; round < rounds; round++) {
    const entries = [...cells.entries()];
    for (const [index, cell] of round % 2 === 0 ? entries : entries.reverse()) {
      const { variant, way, input, idleFlows: idle } = cell;
      const title = `failover, round ${round + 1} of ${rounds}, ${variant.name}, ${way.name}, input ${input}, ${idle} idle flows`;
      const begin = performance.now();
      const outcome = await runCell(cell).catch((error: Error) => {
        throw new Error(`${title}: ${error.message}`, { cause: error });
      });
      found[index]!.push(outcome);
      console.error(
        `${title}: ${((performance.now() - begin) / 1000).toFixed(1)} s, ${outcome.lost} lost, messages up to ${outcome.lateP99Ms.toFixed(1)} ms late (99 %)`,
      );
    }
  }
  return {
    options,
    cells: cells.map(({ variant, way, input, idleFlows: idle }, index) => ({
      ...{ variant: variant.name, way: way.name, input, idleFlows: idle, rounds: found[index]! },
    })),
  };
}

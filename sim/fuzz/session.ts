import { Random } from '../random.ts';
import { simplest } from './minimise.ts';
import { Mutator } from './mutation/mutator.ts';
import type { Target } from './target.ts';

/** An input that broke something. */
export interface Finding {
  readonly target: string;
  /** What was violated, or what was thrown. */
  readonly message: string;
  readonly input: Uint8Array;
}

/** Findings of one kind that are kept: the first is as good as the hundredth. */
const SAME_MAX = 1;

/** Cases of each unit of weight before the next target has its turn. */
const CASES_PER_TURN = 64;

/** Runs one input. Returns what went wrong, or how many cases it was. */
export async function tryInput(target: Target, input: Uint8Array, length: number): Promise<string | number> {
  try {
    return await target.run(input, length);
  } catch (error) {
    return describe(error);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'Violation') return error.message;
  // The first place in a file: what is built in has none.
  const where = /\n\s+at ([^\n]*\/[^\n]*)/.exec(error.stack ?? '')?.[1] ?? '';
  // Places as they are in every copy of the repository.
  const place = where.replace(/(?:file:\/\/)?\/.*\/(src|sim)\//, '$1/').replaceAll(/[()]/g, '');
  return `${error.name}: ${error.message} at ${place}`;
}

/** What a finding is about, whatever the numbers in it. */
function kindOf(target: string, message: string): string {
  return `${target}: ${message.replaceAll(/\d+/g, 'N').slice(0, 120)}`;
}

/** What a session is at, for a thread that sees it hang. */
export interface Watch {
  /** The input that is tried. */
  readonly memory: SharedArrayBuffer;
  /** The number of its target, and its length. */
  readonly state: Int32Array;
}

/** A run of cases on a seed: what it does depends on nothing else. */
export class Session {
  /** Cases so far. */
  cases = 0;
  readonly perTarget: Map<string, number> = new Map();
  readonly mutator: Mutator;
  private readonly random: Random;
  private readonly targets: readonly Target[];
  private readonly pools = new Map<Target, readonly Uint8Array[]>();
  private readonly corpus: ReadonlyMap<string, readonly Uint8Array[]>;
  private readonly seen = new Map<string, number>();
  /** Targets take turns, also from one run to the next. */
  private turn = 0;
  private readonly report: (finding: Finding) => void;
  private readonly watch: Watch | undefined;

  /**
   * @param stream tells apart sessions of one seed
   * @param corpus inputs kept from earlier runs, by target
   * @param watch where another thread sees what is tried
   */
  constructor(
    seed: number,
    stream: number,
    targets: readonly Target[],
    corpus: ReadonlyMap<string, readonly Uint8Array[]>,
    report: (finding: Finding) => void,
    watch?: Watch,
  ) {
    this.random = Random.forStream(seed, stream);
    this.mutator = new Mutator(this.random, watch?.memory);
    this.watch = watch;
    this.targets = targets;
    this.report = report;
    this.corpus = corpus;
  }

  /** Runs about so many cases more; stops early when `stop` says so. */
  async run(cases: number, stop: () => boolean = () => false): Promise<void> {
    const goal = this.cases + cases;
    while (this.cases < goal && !stop()) {
      const target = this.targets[this.turn++ % this.targets.length]!;
      const done = await this.runTurn(target, CASES_PER_TURN * target.weight);
      this.cases += done;
      this.perTarget.set(target.name, (this.perTarget.get(target.name) ?? 0) + done);
    }
  }

  private async runTurn(target: Target, cases: number): Promise<number> {
    const { mutator } = this;
    let done = 0;
    if (this.watch !== undefined) this.watch.state[0] = this.targets.indexOf(target);
    const pool = this.poolOf(target);
    // A target without seeds has nothing to do here.
    if (pool.length === 0) return cases;
    while (done < cases) {
      mutator.next(target.grammar, pool);
      if (this.watch !== undefined) this.watch.state[1] = mutator.length;
      try {
        const count = target.run(mutator.bytes, mutator.length);
        done += typeof count === 'number' ? Math.max(1, count) : await count;
      } catch (error) {
        done++;
        await this.found(target, describe(error));
      }
    }
    return done;
  }

  /** The inputs that a target's mutations begin with: made when its first turn comes. */
  private poolOf(target: Target): readonly Uint8Array[] {
    let pool = this.pools.get(target);
    if (pool === undefined) {
      pool = [...target.seeds(this.random), ...(this.corpus.get(target.name) ?? [])];
      this.pools.set(target, pool);
    }
    return pool;
  }

  private async found(target: Target, message: string): Promise<void> {
    const kind = kindOf(target.name, message);
    const times = (this.seen.get(kind) ?? 0) + 1;
    this.seen.set(kind, times);
    if (times > SAME_MAX) return;
    const input = this.mutator.bytes.slice(0, this.mutator.length);
    const again = await tryInput(target, input, input.length);
    const isSame = (other: string | number) =>
      typeof other === 'string' && kindOf(target.name, other) === kind;
    if (!isSame(again)) {
      this.report({ target: target.name, message: `${message} (only behind other inputs)`, input });
      return;
    }
    const small = await simplest(input, async (bytes) => isSame(await tryInput(target, bytes, bytes.length)));
    const last = await tryInput(target, small, small.length);
    this.report({ target: target.name, message: typeof last === 'string' ? last : message, input: small });
  }
}

import type { Namespace } from '../netns/lab.ts';
import { compiledProgram } from './compiled-program.ts';

/** The churner's task. The kernel has the numbered flows from `oldest` to below `next`. */
export interface ChurnWork {
  readonly oldest: number;
  readonly next: number;
  /** Events a second: half of them end the oldest flow, half begin one. */
  readonly ratePerSecond: number;
}

export interface ChurnReport {
  /** Number of the oldest flow that is left. */
  readonly oldest: number;
  /** Number of the next flow to begin. */
  readonly next: number;
  readonly made: number;
  /** Requests that the kernel refused, because a flow was gone or there already. */
  readonly refused: number;
}

/** Flows that begin and end all the time. */
export interface Churn {
  /** Stops making events. When this resolves, the kernel has made all of them. */
  pause(): Promise<ChurnReport>;
  resume(): Promise<void>;
  /** Ends it for good. */
  stop(): Promise<ChurnReport>;
}

const CHURNER = compiledProgram('churner');

/** Starts churn in a namespace; resolves when it makes events. */
export async function startChurn(namespace: Namespace, work: ChurnWork): Promise<Churn> {
  const child = await namespace.start(process.execPath, [CHURNER, JSON.stringify(work)]);
  const waiting: ((report: ChurnReport) => void)[] = [];
  child.onLine((line) => waiting.shift()?.(JSON.parse(line) as ChurnReport));
  const nextReport = async (): Promise<ChurnReport> => {
    const report = new Promise<ChurnReport>((resolve) => waiting.push(resolve));
    const found = await Promise.race([report, child.ended.then(() => undefined)]);
    if (found === undefined) throw new Error(`the churn ended: ${child.stderr().trim()}`);
    return found;
  };
  const say = (line: string) => {
    const report = nextReport();
    child.send(line);
    return report;
  };
  await nextReport();
  return {
    pause: () => say('pause'),
    resume: async () => void (await say('resume')),
    async stop() {
      const report = await say('pause');
      await child.stop('SIGKILL');
      return report;
    },
  };
}

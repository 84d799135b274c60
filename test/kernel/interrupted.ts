import { CompleteDump, type TableWalk } from '../../src/kernel/ctnetlink/complete-dump.ts';
import type { Dump, DumpCounters, KernelSink } from '../../src/kernel/kernel.ts';

/**
 * Dumps as ctnetlink's of a table that changes during the first walk of each: this walk shows every other flow only, as if
 * the others moved behind it.
 */
export function interruptedOnce(dumpFlows: () => Dump, counters: DumpCounters): () => Dump {
  return () => {
    let walks = 0;
    const walk = (): TableWalk<KernelSink> => {
      const dump = dumpFlows();
      const interrupted = walks++ === 0;
      let shown = 0;
      return {
        interrupted,
        step: (sink) =>
          dump.step({
            ...sink,
            flow: (...entry) => {
              if (!interrupted || shown++ % 2 === 0) sink.flow(...entry);
            },
          }),
        close: () => dump.close(),
      };
    };
    return new CompleteDump(walk, counters);
  };
}

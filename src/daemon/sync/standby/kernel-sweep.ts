import type { Kernel, KernelSink } from '../../../kernel/kernel.ts';
import { logKernelFailure } from '../../common/kernel-failure.ts';
import { type FlowTest, KernelFlush } from '../../common/kernel-flush.ts';
import { readDump } from '../../common/kernel-reader.ts';
import type { Runtime } from '../../common/runtime.ts';
import type { Log } from '../../process/log.ts';

/**
 * Removes from the kernel of a standby the flows that the peer does not have: those that ended while no daemon ran here.
 *
 * A peer that has little is no measure: it may be the standby itself, asked by mistake. So nothing is removed where that were
 * more flows than the peer has.
 * @param isStray whether neither the peer has the flow nor it began here
 * @param knownFlows how many flows the peer has
 */
export async function sweepKernel(
  kernel: Kernel,
  isStray: FlowTest,
  knownFlows: number,
  log: Log,
  runtime: Pick<Runtime, 'yieldToLoop'>,
  isWanted: () => boolean,
): Promise<void> {
  try {
    let strays = 0;
    const count: KernelSink = {
      flow: (_change, _origin, bytes, length) => {
        if (isStray(bytes, length)) strays++;
      },
      expectation: () => {},
      traffic: () => {},
      restarted: () => {
        strays = 0;
      },
    };
    await readDump(kernel.dumpFlows(), count, isWanted, runtime.yieldToLoop);
    if (strays === 0 || !isWanted()) return;
    if (strays > knownFlows) {
      log.warning(
        `hot standby: ${strays} flows of this kernel are not among the ${knownFlows} of the other node; leaving them, ` +
          '-F removes all flows',
        { event: 'standby_strays_left', flows: strays, known_flows: knownFlows },
      );
      return;
    }
    const flush = new KernelFlush(kernel, isStray);
    try {
      while (isWanted() && !flush.step()) await runtime.yieldToLoop();
    } finally {
      flush.close();
    }
    log.notice(`hot standby: ${flush.removed} flows removed that the other node does not have`, {
      event: 'standby_removed',
      flows: flush.removed,
    });
  } catch (error) {
    logKernelFailure(log, 'removal of what the other node does not have', error);
  }
}

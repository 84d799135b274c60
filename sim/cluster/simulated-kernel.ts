import type { BatchQueue } from '../../src/kernel/kernel.ts';
import { MemoryKernel, type MemoryKernelOptions } from '../../src/kernel/memory/memory-kernel.ts';
import type { Random } from '../random.ts';
import { LaggingQueue } from './lagging-queue.ts';

/** A kernel in memory that executes what is queued in the background, sooner or later. */
export class SimulatedKernel extends MemoryKernel {
  private readonly random: Random;

  constructor(options: MemoryKernelOptions, random: Random) {
    super(options);
    this.random = random;
  }

  override openQueue(): BatchQueue {
    // From a kernel that keeps up to one that is always the last.
    const lateness = this.random.below(5) / 4;
    return new LaggingQueue(this, () => this.random.chance(lateness));
  }
}

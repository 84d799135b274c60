import type { HelperInstance } from '../../config/config.ts';
import { KernelError } from '../../kernel/kernel.ts';
import type { KernelHelper } from '../../kernel/userspace-helper/helper-messages.ts';
import {
  describeHelper,
  isSameHelper,
  type UserspaceHelpers,
} from '../../kernel/userspace-helper/userspace-helpers.ts';
import { Errno } from '../../system/errno.ts';

/** The helpers in the kernel. */
export type KernelHelpers = Pick<UserspaceHelpers, 'list' | 'create' | 'change' | 'delete'>;

export interface HelperToEnable {
  readonly instance: HelperInstance;
  /** Bytes that the kernel keeps with each flow for it, if the daemon creates it. */
  readonly privateBytes: number;
}

/** A helper that this daemon has enabled, and what was there before. */
interface EnabledHelper {
  readonly helper: HelperInstance;
  /** Undefined where the daemon created it. */
  readonly before: KernelHelper | undefined;
}

/**
 * The helpers that this daemon has enabled in the kernel. Calls are synchronous, so that what was changed can be put
 * back while the process exits.
 */
export class HelperSetup {
  private readonly kernel: KernelHelpers;
  private readonly isTaken: (queueNum: number) => boolean;
  private readonly enabled: EnabledHelper[] = [];

  /** @param isTaken whether another program has a packet queue */
  constructor(kernel: KernelHelpers, isTaken: (queueNum: number) => boolean) {
    this.kernel = kernel;
    this.isTaken = isTaken;
  }

  /**
   * Enables the helpers, and creates those that the kernel does not have. The queues must be bound: from here on packets
   * come. If one cannot be enabled, all is as it was.
   * @throws KernelError
   */
  enable(helpers: readonly HelperToEnable[]): void {
    try {
      const known = this.kernel.list();
      for (const { instance: helper, privateBytes } of helpers) {
        const before = known.find((other) => isSameHelper(other, helper));
        if (before === undefined) this.create(helper, privateBytes);
        else this.change(helper, before);
        this.enabled.push({ helper, before });
      }
    } catch (error) {
      this.putBack();
      throw error;
    }
  }

  private create(helper: HelperInstance, privateBytes: number): void {
    this.kernel.create({
      name: helper.name,
      family: helper.family,
      transport: helper.transport,
      queueNum: helper.queueNum,
      policies: [helper.policy],
      privateBytes,
      isEnabled: true,
    });
  }

  private change(helper: HelperInstance, before: KernelHelper): void {
    if (before.isEnabled && this.isTaken(before.queueNum)) {
      throw new KernelError(
        `${describeHelper(helper)}: another program serves it, on packet queue ${before.queueNum}: stop that program, or remove the Type from the Helper clause`,
        Errno.EBUSY,
      );
    }
    try {
      const { queueNum, policy } = helper;
      this.kernel.change(helper, { queueNum, policies: [policy], isEnabled: true });
    } catch (error) {
      if (!(error instanceof KernelError) || error.errno !== Errno.EBUSY) throw error;
      const names = before.policies.map(({ name }) => `\`${name}'`).join(', ');
      const { name, family, transport } = helper;
      throw new KernelError(
        `${describeHelper(helper)}: it is there with the policies ${names}, and \`${helper.policy.name}' is expected: delete it first (nfct helper delete ${name} ${family === 4 ? 'inet' : 'inet6'} ${transport})`,
        error.errno,
      );
    }
  }

  /**
   * Deletes what was created, or disables it while rules name it; puts the rest back, disabled: a helper that is enabled
   * without a program behind its queue keeps new connections of its protocol from being tracked.
   * @returns what could not be put back, in words
   */
  putBack(): string[] {
    const troubles: string[] = [];
    for (let last = this.enabled.pop(); last !== undefined; last = this.enabled.pop()) {
      const { helper, before } = last;
      try {
        if (before !== undefined) {
          const { queueNum, policies } = before;
          this.kernel.change(helper, { queueNum, policies, isEnabled: false });
        } else if (!this.kernel.delete(helper)) {
          this.disableIfThere(helper);
        }
      } catch (error) {
        troubles.push((error as Error).message);
      }
    }
    return troubles;
  }

  /** A rule names it, or somebody else has deleted it meanwhile. */
  private disableIfThere(helper: HelperInstance): void {
    const isThere = this.kernel.list().some((other) => isSameHelper(other, helper));
    if (isThere) this.kernel.change(helper, { isEnabled: false });
  }
}

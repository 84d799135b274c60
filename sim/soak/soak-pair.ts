import { type Recovery, untilEqual } from '../faults/stage/recovery.ts';
import type { Stage } from '../faults/stage/stage.ts';
import { type Churn, startChurn } from '../load/churn.ts';
import type { Firewall, Side } from '../netns/lab.ts';

/** Milliseconds after which a pair that is not equal has diverged. */
const GIVE_UP_MS = 15_000;

/** A pair under churn whose firewalls take turns in being active. */
export class SoakPair {
  active: Firewall;
  standby: Firewall;
  private readonly stage: Stage;
  private readonly ratePerSecond: number;
  private churn: Churn;

  private constructor(stage: Stage, ratePerSecond: number, churn: Churn) {
    this.stage = stage;
    this.ratePerSecond = ratePerSecond;
    this.churn = churn;
    this.active = stage.active;
    this.standby = stage.standby;
  }

  static async begin(stage: Stage, ratePerSecond: number): Promise<SoakPair> {
    return new SoakPair(stage, ratePerSecond, await stage.churn());
  }

  get lab(): Stage['lab'] {
    return this.stage.lab;
  }

  /** Kills or ends a node, and starts it anew. */
  async restart(side: Side, how: 'kill' | 'stop'): Promise<void> {
    await this.lab[side].node()[how]();
    await this.stage.start(side);
  }

  /**
   * Lets the standby take over, as primary-backup.sh does. The firewall that was active loses its table, as when it is booted:
   * else flows that end meanwhile would come back with it.
   */
  async failover(): Promise<void> {
    const { active: old, standby: successor, lab } = this;
    const { oldest, next } = await this.churn.stop();
    await lab.becomeBackup(old);
    await lab.becomePrimary(successor);
    await old.conntrack('-F');
    this.active = successor;
    this.standby = old;
    this.churn = await startChurn(successor.namespace, { oldest, next, ratePerSecond: this.ratePerSecond });
  }

  /** Halts the churn until the pair is equal, at most {@link GIVE_UP_MS}. */
  async convergence(): Promise<Recovery> {
    await this.churn.pause();
    const recovery = await this.compared();
    await this.churn.resume();
    return recovery;
  }

  /** Makes a pair that diverged equal by an operator's commands, so that later faults are judged by themselves. */
  async repair(): Promise<boolean> {
    await this.churn.pause();
    await this.active.node().command('-R');
    await this.standby.node().command('-f', 'external');
    await this.standby.node().command('-n');
    const { recoverMs } = await this.compared();
    await this.churn.resume();
    return recoverMs !== undefined;
  }

  stop(): Promise<unknown> {
    return this.churn.stop();
  }

  private compared(): Promise<Recovery> {
    return untilEqual(
      () => this.stage.compareStarted(this.active, this.standby),
      performance.now(),
      GIVE_UP_MS,
    );
  }
}

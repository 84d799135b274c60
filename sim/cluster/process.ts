import type { Cancel, Runtime } from '../../src/daemon/common/runtime.ts';
import { type ReusableTimer, timerFrom } from '../../src/system/loop/reusable-timer.ts';
import type { Random } from '../random.ts';
import type { World } from './world.ts';

/** Maximum time that the other handlers of the event loop take, in milliseconds. */
const MAX_TURN_MS = 0.5;

/**
 * A running process of a simulated firewall: its time, its timers and its turns of the event loop. After it is killed
 * nothing that it planned happens; while it is paused all of that waits.
 */
export class Process implements Runtime {
  private readonly world: World;
  private readonly chances: Random;
  private readonly wallOffset: number;
  private readonly first: number | undefined;
  private killed = false;
  private paused = false;
  private readonly waiting: (() => void)[] = [];

  /**
   * @param wallOffset seconds to add to the world's time for the machine's wall clock
   * @param first what {@link initialSequence} gives; absent: any
   */
  constructor(world: World, chances: Random, wallOffset: number, first?: number) {
    this.first = first;
    this.world = world;
    this.chances = chances;
    this.wallOffset = wallOffset;
  }

  now = (): number => this.world.now;

  wallSeconds = (): number => Math.floor(this.world.now / 1000) + this.wallOffset;

  random = (): number => this.chances.fraction();

  initialSequence = (): number => this.first ?? Math.floor(this.chances.fraction() * 2 ** 32);

  after = (milliseconds: number, act: () => void): Cancel => {
    const planned = this.world.at(this.world.now + milliseconds, () => {
      this.run(act);
    });
    return () => {
      planned.act = undefined;
    };
  };

  timer = (act: () => void): ReusableTimer => timerFrom(this.after, act);

  every = (milliseconds: number, act: () => void): Cancel => {
    let cancelled = false;
    let cancelNext: Cancel = () => {};
    const plan = () => {
      cancelNext = this.after(milliseconds, () => {
        if (cancelled) return;
        plan();
        act();
      });
    };
    plan();
    return () => {
      cancelled = true;
      cancelNext();
    };
  };

  noteAwake = (): void => {};

  defer = (act: () => void): void => {
    this.world.defer(() => this.run(act));
  };

  yieldToLoop = (): Promise<void> => this.sleep(MAX_TURN_MS * this.chances.fraction());

  sleep = (delayMs: number): Promise<void> =>
    new Promise((resolve) =>
      this.after(delayMs, () => {
        resolve();
        this.world.expectPromises();
      }),
    );

  /** Calls `act`: never if the process was killed, and after it resumes if it is paused. */
  run(act: () => void): void {
    if (this.killed) return;
    if (this.paused) this.waiting.push(act);
    else act();
  }

  kill(): void {
    this.killed = true;
    this.waiting.length = 0;
  }

  /** As SIGSTOP, or a machine that is too busy to run it. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    for (const act of this.waiting.splice(0)) this.run(act);
  }

  get isPaused(): boolean {
    return this.paused;
  }
}

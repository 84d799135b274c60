import { Alarm } from '../../src/sync/alarm.ts';
import type { InternalCaches } from '../../src/sync/engine.ts';
import { ExpiringCache } from '../../src/table/expiring-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../src/table/key.ts';
import { secondsOf } from '../../src/table/seconds.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../src/wire/record.ts';
import { ModeNode } from './mode-node.ts';
import { random } from './pair.ts';

export interface AlarmNodeOptions {
  /** Seconds. */
  readonly refreshTime?: number;
  /** Seconds. */
  readonly cacheTimeout?: number;
  readonly seed?: number;
  readonly limit?: number;
  readonly first?: number;
  readonly now?: number;
}

interface Expiring {
  readonly flows: ExpiringCache;
  readonly expectations: ExpiringCache;
}

/** A node in ALARM mode, in virtual time and on a seed. */
export class AlarmNode extends ModeNode<Alarm, Expiring> {
  constructor({
    refreshTime = 60,
    cacheTimeout = 180,
    seed = 1,
    limit = 1_000_000,
    first = 1000,
    now = 0,
  }: AlarmNodeOptions = {}) {
    const chance = random(seed);
    const seconds = secondsOf(now);
    const external = {
      flows: new ExpiringCache(FLOW_FORMAT, new FlowKeyer(2), limit, cacheTimeout, seconds),
      expectations: new ExpiringCache(
        EXPECTATION_FORMAT,
        new ExpectationKeyer(2),
        limit,
        cacheTimeout,
        seconds,
      ),
    };
    const engine = (caches: InternalCaches, at: number) =>
      new Alarm(caches, { initialSequence: first, refreshSeconds: refreshTime, random: chance }, at);
    super(engine, external, { limit, now });
  }

  override advance(milliseconds: number): void {
    super.advance(milliseconds);
    this.external.flows.expire(secondsOf(this.now));
    this.external.expectations.expire(secondsOf(this.now));
  }
}

/** Two nodes in ALARM mode and a lossy link from a to b. Node b has no flows of its own. */
export class AlarmPair {
  readonly a: AlarmNode;
  readonly b: AlarmNode;
  /** The chance that a datagram is lost, from 0 to 1. */
  loss = 0;
  private readonly chance: () => number;

  constructor(seed: number, options: AlarmNodeOptions = {}) {
    this.chance = random(seed);
    this.a = new AlarmNode({ ...options, seed });
    this.b = new AlarmNode({ ...options, seed: seed + 1 });
  }

  /** Virtual time passes in steps of 50 ms, after each of which node a transmits. */
  run(milliseconds: number): void {
    for (let left = milliseconds; left > 0; left -= 50) {
      const step = Math.min(50, left);
      this.a.advance(step);
      this.b.advance(step);
      this.exchange();
    }
  }

  private exchange(): void {
    for (const datagram of this.a.emit()) if (this.chance() >= this.loss) this.b.receive(datagram);
  }
}

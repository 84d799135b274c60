import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimerWheel } from '../../src/table/timer-wheel.ts';

/** The slots whose timers run out when the time becomes `tick`, in order. */
function expired(wheel: TimerWheel, tick: number): number[] {
  const slots: number[] = [];
  wheel.expire(tick, (slot) => slots.push(slot));
  return slots;
}

/** What a wheel is to be: a list of slots and the ticks they are due at. */
class Model {
  readonly due = new Map<number, number>();
  now: number;
  readonly horizon: number;

  constructor(horizon: number, now: number) {
    this.horizon = horizon;
    this.now = now;
  }

  set(slot: number, ticks: number): void {
    this.due.set(slot, this.now + Math.min(Math.max(1, ticks), this.horizon));
  }

  expire(tick: number): Set<number> {
    this.now = Math.max(this.now, tick);
    const slots = [...this.due].filter(([, due]) => due <= tick).map(([slot]) => slot);
    for (const slot of slots) this.due.delete(slot);
    return new Set(slots);
  }
}

type Step =
  | { readonly kind: 'set'; readonly slot: number; readonly ticks: number }
  | { readonly kind: 'end'; readonly slot: number }
  | { readonly kind: 'pass'; readonly ticks: number }
  | { readonly kind: 'clear' };

// A few slots, so that they meet; and one beyond what the wheel first has room for.
const slot = fc.oneof({ weight: 9, arbitrary: fc.nat(12) }, { weight: 1, arbitrary: fc.nat(5000) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('set' as const), slot, ticks: fc.nat(40) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), slot }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('pass' as const), ticks: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ticks: fc.nat(2000) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
);

describe('TimerWheel', () => {
  it('gives a slot when its ticks have passed, once', () => {
    const wheel = new TimerWheel(10, 100);
    wheel.set(3, 4);
    expect(expired(wheel, 103)).toEqual([]);
    expect(expired(wheel, 104)).toEqual([3]);
    expect(expired(wheel, 200)).toEqual([]);
  });

  it('gives slots in the order of their ticks, however many ticks pass at once', () => {
    const wheel = new TimerWheel(10, 7);
    wheel.set(1, 9);
    wheel.set(2, 2);
    wheel.set(3, 5);
    expect(expired(wheel, 17)).toEqual([2, 3, 1]);
  });

  it('moves a timer that is set again, and counts it once', () => {
    const wheel = new TimerWheel(10, 0);
    wheel.set(1, 2);
    wheel.set(1, 8);
    expect(wheel.size).toBe(1);
    expect(expired(wheel, 7)).toEqual([]);
    expect(expired(wheel, 8)).toEqual([1]);
    expect(wheel.size).toBe(0);
  });

  it('runs a timer for one tick at least and for its horizon at most', () => {
    const wheel = new TimerWheel(10, 0);
    wheel.set(1, 0);
    wheel.set(2, 1_000_000);
    expect(expired(wheel, 0)).toEqual([]);
    expect(expired(wheel, 1)).toEqual([1]);
    expect(expired(wheel, 9)).toEqual([]);
    expect(expired(wheel, 10)).toEqual([2]);
  });

  it('ends a timer, and does not mind one that does not run or was never set', () => {
    const wheel = new TimerWheel(10, 0);
    wheel.set(1, 2);
    wheel.end(1);
    wheel.end(1);
    wheel.end(99_999);
    expect(wheel.size).toBe(0);
    expect(expired(wheel, 20)).toEqual([]);
  });

  it('does not go back in time', () => {
    const wheel = new TimerWheel(10, 50);
    wheel.set(1, 5);
    expect(expired(wheel, 10)).toEqual([]);
    expect(wheel.tick).toBe(50);
    expect(expired(wheel, 55)).toEqual([1]);
  });

  it('keeps its time while no timer runs', () => {
    const wheel = new TimerWheel(10, 0);
    expired(wheel, 1_000_000_000);
    wheel.set(1, 3);
    expect(wheel.left(1)).toBe(3);
    expect(expired(wheel, 1_000_000_002)).toEqual([]);
    expect(expired(wheel, 1_000_000_003)).toEqual([1]);
  });

  it('lets a slot that has run out be set again at once, also to its horizon', () => {
    const wheel = new TimerWheel(3, 0);
    wheel.set(1, 1);
    const given: number[] = [];
    for (let tick = 1; tick <= 10; tick++) {
      wheel.expire(tick, (slot) => {
        given.push(tick);
        wheel.set(slot, 3);
      });
    }
    expect(given).toEqual([1, 4, 7, 10]);
  });

  it('lets a slot that runs out end the timer of another that does in the same tick', () => {
    const wheel = new TimerWheel(5, 0);
    for (const slot of [1, 2, 3]) wheel.set(slot, 2);
    const given: number[] = [];
    wheel.expire(2, (slot) => {
      given.push(slot);
      for (const other of [1, 2, 3]) wheel.end(other);
    });
    expect(given.length).toBe(1);
    expect(wheel.size).toBe(0);
  });

  it('gives the ticks that are left, as those of a timer that runs only', () => {
    const wheel = new TimerWheel(10, 0);
    wheel.set(1, 6);
    expired(wheel, 4);
    expect([wheel.left(1), wheel.left(2), wheel.left(5000)]).toEqual([2, undefined, undefined]);
  });

  it('does what a list of slots and ticks would do', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.nat(1_000_000),
        fc.array(step, { maxLength: 120 }),
        (horizon, start, steps) => {
          const wheel = new TimerWheel(horizon, start);
          const model = new Model(horizon, start);
          for (const done of steps) {
            if (done.kind === 'set') {
              wheel.set(done.slot, done.ticks);
              model.set(done.slot, done.ticks);
            } else if (done.kind === 'end') {
              wheel.end(done.slot);
              model.due.delete(done.slot);
            } else if (done.kind === 'pass') {
              const tick = model.now + done.ticks;
              const given = expired(wheel, tick);
              expect(new Set(given)).toEqual(model.expire(tick));
              expect(new Set(given).size).toBe(given.length);
            } else {
              wheel.clear();
              model.due.clear();
            }
            expect(wheel.size).toBe(model.due.size);
            expect(wheel.tick).toBe(model.now);
            for (let n = 0; n <= 12; n++) {
              const due = model.due.get(n);
              expect(wheel.left(n)).toBe(due === undefined ? undefined : due - model.now);
            }
          }
        },
      ),
    );
  });
});

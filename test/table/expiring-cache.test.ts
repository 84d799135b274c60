import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpiringCache } from '../../src/table/expiring-cache.ts';
import { FlowKeyer } from '../../src/table/key.ts';
import { FLOW_FORMAT } from '../../src/wire/record.ts';
import { record } from './records.ts';

const TIMEOUT = 180;

class Tried extends ExpiringCache {
  constructor(timeout = TIMEOUT, now = 0, limit = 100) {
    super(FLOW_FORMAT, new FlowKeyer(1), limit, timeout, now);
  }

  receiveNew(n: number, now: number): number {
    const bytes = record(n);
    return this.replace(bytes, 0, bytes.length, now);
  }

  receiveUpdate(n: number, now: number): number {
    const bytes = record(n);
    return this.update(bytes, 0, bytes.length, now);
  }

  receiveEnd(n: number): void {
    const bytes = record(n);
    this.delete(bytes, 0, bytes.length);
  }

  knows(n: number): boolean {
    const bytes = record(n);
    return this.table.find(bytes, 0, bytes.length) >= 0;
  }
}

describe('ExpiringCache', () => {
  it('forgets a record that was not refreshed for CacheTimeout seconds, and counts its end', () => {
    const cache = new Tried();
    cache.receiveNew(1, 0);
    cache.expire(TIMEOUT - 1);
    expect(cache.knows(1)).toBe(true);
    cache.expire(TIMEOUT);
    expect(cache.knows(1)).toBe(false);
    expect(cache.counters).toMatchObject({ created: 1, active: 0, destroyed: 1 });
  });

  it.each(['receiveNew', 'receiveUpdate'] as const)('lets a record live on with %s', (receive) => {
    const cache = new Tried();
    cache.receiveNew(1, 0);
    cache.expire(100);
    cache[receive](1, 100);
    cache.expire(TIMEOUT + 99);
    expect(cache.knows(1)).toBe(true);
    cache.expire(TIMEOUT + 100);
    expect(cache.knows(1)).toBe(false);
  });

  it('gives the seconds that a record has left', () => {
    const cache = new Tried();
    const slot = cache.receiveNew(1, 0);
    expect(cache.expiresIn(slot)).toBe(TIMEOUT);
    cache.expire(50);
    expect(cache.expiresIn(slot)).toBe(TIMEOUT - 50);
    expect(cache.expiresIn(99)).toBe(0);
  });

  it('ends the time of a record that ends, so that the next one in its slot has its own', () => {
    const cache = new Tried();
    cache.receiveNew(1, 0);
    cache.expire(170);
    cache.receiveEnd(1);
    expect(cache.receiveNew(2, 170)).toBe(0);
    cache.expire(TIMEOUT);
    expect(cache.knows(2)).toBe(true);
    cache.receiveEnd(2);
    cache.expire(1000);
    expect(cache.counters).toMatchObject({ active: 0, destroyed: 2 });
  });

  it('ends all times when it is flushed', () => {
    const cache = new Tried();
    for (let n = 0; n < 5; n++) cache.receiveNew(n, 0);
    cache.flush();
    expect(cache.counters).toMatchObject({ active: 0, destroyed: 5 });
    cache.receiveNew(7, 100);
    cache.expire(TIMEOUT + 1);
    expect(cache.knows(7)).toBe(true);
    expect(cache.counters.destroyed).toBe(5);
  });

  it('gives a record its whole time although nothing gave the cache the time', () => {
    const cache = new Tried();
    cache.receiveNew(1, 0);
    // The process slept; what waited on the link is read before the timers are looked at.
    cache.receiveNew(2, 1000);
    expect(cache.knows(1)).toBe(false);
    cache.expire(1000 + TIMEOUT - 1);
    expect(cache.knows(2)).toBe(true);
    cache.expire(1000 + TIMEOUT);
    expect(cache.knows(2)).toBe(false);
  });

  it('has room again for others when records have lapsed', () => {
    const cache = new Tried(TIMEOUT, 0, 2);
    expect([cache.receiveNew(1, 0), cache.receiveNew(2, 0), cache.receiveNew(3, 0)]).toEqual([0, 1, -1]);
    expect(cache.counters).toMatchObject({ createFailed: 1, createFailedFull: 1 });
    expect(cache.receiveUpdate(3, TIMEOUT)).toBeGreaterThanOrEqual(0);
    expect(cache.counters).toMatchObject({ active: 1, destroyed: 2 });
  });

  it('works with a CacheTimeout that no memory has room for', () => {
    const cache = new Tried(0xffff_ffff);
    cache.receiveNew(1, 0);
    cache.expire(86_400);
    expect(cache.knows(1)).toBe(true);
  });

  it('has exactly the records received within CacheTimeout', () => {
    const message = fc.record({
      n: fc.nat(5),
      kind: fc.constantFrom('new', 'update', 'end'),
      pause: fc.constantFrom(0, 1, 2, 5, 40),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(message, { maxLength: 60 }), (timeout, all) => {
        const cache = new Tried(timeout, 1000);
        const last = new Map<number, number>();
        let now = 1000;
        for (const { n, kind, pause } of all) {
          now += pause;
          if (kind === 'new') cache.receiveNew(n, now);
          else if (kind === 'update') cache.receiveUpdate(n, now);
          else cache.receiveEnd(n);
          if (kind === 'end') last.delete(n);
          else last.set(n, now);
          cache.expire(now);
          for (let other = 0; other <= 5; other++) {
            const at = last.get(other);
            expect(cache.knows(other)).toBe(at !== undefined && now - at < timeout);
          }
          expect(cache.counters.active).toBe(cache.table.size);
        }
      }),
    );
  });
});

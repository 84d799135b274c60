import { beforeEach, describe, expect, it } from 'vitest';
import type { Cancel, Runtime } from '../../../../src/daemon/common/runtime.ts';
import { Guard, type GuardingTable } from '../../../../src/daemon/failover/guard/guard.ts';
import { Log } from '../../../../src/daemon/process/log.ts';
import { parseAddress } from '../../../../src/flow/parse-address.ts';
import { KernelError } from '../../../../src/kernel/kernel.ts';
import type { GuardCounters } from '../../../../src/kernel/nftables/guard-table.ts';
import type { InterfaceAddress } from '../../../../src/link/addresses.ts';
import { Errno } from '../../../../src/system/errno.ts';

const LONGEST_MS = 9000;
const NONE = { packets: 0, bytes: 0 };

/** Time that goes on when it is told to. */
class Clock {
  now = 5000;
  private readonly timers = new Set<{ at: number; act: () => void }>();

  after(delayMs: number, act: () => void): Cancel {
    const timer = { at: this.now + delayMs, act };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Lets the time pass; with `isStopped` the timers come late, all at its end, as in a stopped process. */
  pass(ms: number, isStopped = false): void {
    const end = this.now + ms;
    if (isStopped) this.now = end;
    for (;;) {
      const [next] = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.timers.delete(next);
      this.now = Math.max(this.now, next.at);
      next.act();
    }
    this.now = end;
  }
}

/** A table that forgets the interfaces as the kernel does. */
class Table implements GuardingTable {
  exists = true;
  until = 0;
  own: string[] = [];
  counted: GuardCounters = { dropped: NONE, own: NONE };
  renewals = 0;
  refusal: KernelError | undefined;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get isGuarding(): boolean {
    return this.exists && this.clock.now < this.until;
  }

  drop(packets: number): void {
    const { dropped } = this.counted;
    const more = { packets: dropped.packets + packets, bytes: dropped.bytes + 60 * packets };
    this.counted = { ...this.counted, dropped: more };
  }

  lose(): void {
    this.exists = false;
    this.until = 0;
    this.counted = { dropped: NONE, own: NONE };
  }

  create(): void {
    this.exists = true;
    this.own = [];
  }

  renew(): void {
    this.check();
    this.renewals++;
    this.until = this.clock.now + LONGEST_MS;
  }

  lift(): void {
    this.check();
    this.until = 0;
  }

  setOwnAddresses(addresses: readonly Uint8Array[]): void {
    this.check();
    this.own = addresses.map((address) => address.join('.'));
  }

  counters(): GuardCounters {
    this.check();
    return this.counted;
  }

  private check(): void {
    if (this.refusal !== undefined) throw this.refusal;
    if (!this.exists) throw new KernelError('nf_tables: No such file or directory', Errno.ENOENT);
  }
}

let clock: Clock;
let table: Table;
let lines: string[];
let guard: Guard;
/** Happens when the guard reads the addresses that wait. */
let waiting: () => void;

beforeEach(() => {
  clock = new Clock();
  table = new Table(clock);
  lines = [];
  waiting = () => {};
  const log = new Log((_, line) => lines.push(line), undefined, undefined);
  const runtime = {
    now: () => clock.now,
    after: (delayMs: number, act: () => void) => clock.after(delayMs, act),
  } as Runtime;
  guard = new Guard(table, { interfaces: ['in0', 'out0'], longestMs: LONGEST_MS }, log, runtime, () =>
    waiting(),
  );
  guard.added(OWN);
});

function address(text: string, name: string, isPermanent = true): InterfaceAddress {
  return { interface: name, text, address: parseAddress(text), isPermanent };
}

const OWN = address('192.168.10.2', 'in0');
const VIRTUAL = address('192.168.10.1', 'in0');
const OTHER_VIRTUAL = address('203.0.113.1', 'out0');

const phase = () => guard.state.phase;

describe('a guard', () => {
  it('is down until the node is told that it is not primary, and then is renewed', () => {
    clock.pass(60_000);
    expect(table.isGuarding).toBe(false);
    guard.raise();
    expect(table.own).toEqual(['192.168.10.2']);
    for (let n = 0; n < 20; n++) {
      clock.pass(LONGEST_MS / 3);
      expect(table.isGuarding).toBe(true);
    }
    expect(guard.state).toMatchObject({ phase: 'up', raised: 1, lapsed: 0, interfaces: ['in0', 'out0'] });
    guard.raise();
    expect(guard.state).toMatchObject({ raised: 1, since: 65_000 });
  });

  it('is not renewed from the beginning of a takeover on, and is lifted when the flows are committed', () => {
    guard.raise();
    clock.pass(1000);
    guard.added(VIRTUAL);
    guard.added(OTHER_VIRTUAL);
    expect(guard.state).toMatchObject({ phase: 'takeover', cause: '192.168.10.1 appeared on in0' });
    guard.expectTakeover('the role primary was asked for');
    table.drop(12);
    clock.pass(45);
    expect(table.isGuarding).toBe(true);
    const { renewals } = table;
    guard.lift();
    expect(table.isGuarding).toBe(false);
    clock.pass(60_000);
    expect(table.renewals).toBe(renewals);
    expect(guard.state).toMatchObject({ phase: 'down', lifted: 1, lapsed: 0, cause: undefined });
    expect(guard.state.counters.dropped).toEqual({ packets: 12, bytes: 720 });
    expect(lines.at(-1)).toContain(
      'guard lifted 0.045 s after the takeover began, 1.045 s after it was raised: 12 packets (720 bytes) dropped',
    );
  });

  it('counts what was dropped since it was raised, not before', () => {
    guard.raise();
    table.drop(7);
    guard.lift();
    guard.raise();
    table.drop(2);
    guard.lift();
    expect(lines.at(-1)).toContain(': 2 packets (120 bytes) dropped');
    expect(guard.state).toMatchObject({ raised: 2, lifted: 2, counters: { dropped: { packets: 9 } } });
  });

  it('ends by itself where addresses move and nobody gives a role, and is raised again when they go', () => {
    guard.raise();
    clock.pass(1000);
    guard.added(VIRTUAL);
    clock.pass(LONGEST_MS);
    expect(table.isGuarding).toBe(false);
    expect(guard.state).toMatchObject({ phase: 'lapsed', lapsed: 1, cause: '192.168.10.1 appeared on in0' });
    expect(lines.at(-1)).toMatch(
      /\[ERROR\] guard lifted by its longest time of 9\.000 s: .*nobody gave this node a role/,
    );
    guard.removed(VIRTUAL);
    expect(phase()).toBe('up');
    expect(table.isGuarding).toBe(true);
  });

  it('ends by itself where the commit does not come to its end', () => {
    guard.raise();
    guard.expectTakeover('the role primary was asked for');
    clock.pass(LONGEST_MS + 1);
    expect(table.isGuarding).toBe(false);
    expect(lines.at(-1)).toContain('the flows were not committed in time');
    // The addresses that come and go now do not matter.
    guard.added(VIRTUAL);
    guard.removed(VIRTUAL);
    expect(phase()).toBe('lapsed');
    guard.lift();
    expect(guard.state).toMatchObject({ phase: 'down', lapsed: 1, lifted: 0 });
  });

  it('goes on where the virtual addresses go again before anybody gave a role', () => {
    guard.raise();
    guard.added(VIRTUAL);
    guard.added(OTHER_VIRTUAL);
    guard.removed(VIRTUAL);
    expect(phase()).toBe('takeover');
    guard.removed(OTHER_VIRTUAL);
    expect(guard.state).toMatchObject({ phase: 'up', raised: 1 });
    clock.pass(3 * LONGEST_MS);
    expect(table.isGuarding).toBe(true);
  });

  it('goes on where the node is asked to be backup again before it was primary', () => {
    guard.raise();
    guard.expectTakeover('the role primary was asked for');
    guard.raise();
    clock.pass(3 * LONGEST_MS);
    expect(guard.state).toMatchObject({ phase: 'up', raised: 1, lapsed: 0 });
  });

  it('is not raised while the addresses of a takeover are there, so that a slip cuts nobody off', () => {
    guard.raise();
    guard.added(VIRTUAL);
    guard.lift();
    guard.raise();
    expect(guard.state).toMatchObject({ phase: 'waiting', cause: '192.168.10.1 is still on in0' });
    expect(table.isGuarding).toBe(false);
    guard.removed(VIRTUAL);
    expect(phase()).toBe('up');
    expect(table.own).toEqual(['192.168.10.2']);
  });

  it('knows nothing of virtual addresses while the node is primary: what is there when it is raised is its own', () => {
    guard.added(VIRTUAL);
    guard.raise();
    expect(guard.state).toMatchObject({ phase: 'up' });
    expect(table.own).toEqual(['192.168.10.2', '192.168.10.1']);
    guard.removed(VIRTUAL);
    expect(table.own).toEqual(['192.168.10.2']);
  });

  it.each([
    ['an address of an interface that is not guarded', address('10.0.0.1', 'mgmt')],
    ['an address with a lifetime', address('192.168.10.77', 'in0', false)],
    ['a link-local address', address('fe80::1', 'in0')],
  ])('takes %s for its own', (_, other) => {
    guard.raise();
    guard.added(other);
    expect(phase()).toBe('up');
    expect(table.own).toHaveLength(2);
    guard.removed(other);
    expect(table.own).toHaveLength(1);
  });

  it('is not renewed by a daemon that was stopped while a takeover began', () => {
    guard.raise();
    waiting = () => {
      waiting = () => {};
      guard.added(VIRTUAL);
    };
    clock.pass(2 * LONGEST_MS, true);
    expect(guard.state).toMatchObject({ phase: 'lapsed', lapsed: 1 });
    expect(table.isGuarding).toBe(false);
  });

  it('is raised again by a daemon that was stopped while nothing happened, and says so', () => {
    guard.raise();
    clock.pass(2 * LONGEST_MS, true);
    expect(guard.state).toMatchObject({ phase: 'up', lapsed: 1 });
    expect(table.isGuarding).toBe(true);
    expect(lines.at(-1)).toContain('guard was not renewed in time, and the kernel had lifted it for 9.000 s');
  });

  it('makes its table anew where it is lost, and keeps the counts', () => {
    guard.raise();
    table.drop(5);
    expect(guard.state.counters.dropped.packets).toBe(5);
    table.lose();
    clock.pass(LONGEST_MS / 3);
    expect(table.isGuarding).toBe(true);
    expect(table.own).toEqual(['192.168.10.2']);
    expect(guard.state).toMatchObject({ phase: 'up', recreated: 1 });
    table.drop(2);
    expect(guard.state.counters.dropped).toEqual({ packets: 7, bytes: 420 });
    expect(lines.at(-1)).toContain('somebody removed its table');
  });

  it('does not guard a new table in a takeover', () => {
    guard.raise();
    guard.added(VIRTUAL);
    table.lose();
    guard.lift();
    expect(table.isGuarding).toBe(false);
    expect(guard.state).toMatchObject({ phase: 'down', recreated: 1, lifted: 1 });
  });

  it('logs what the kernel refuses, and tries again', () => {
    table.refusal = new KernelError('nf_tables: Cannot allocate memory', Errno.ENOMEM);
    guard.raise();
    expect(lines.join('')).toMatch(/\[ERROR\] guard: renewal: nf_tables: Cannot allocate memory/);
    table.refusal = undefined;
    clock.pass(LONGEST_MS / 3);
    expect(table.isGuarding).toBe(true);
  });

  it('is not renewed any more once it is closed', () => {
    guard.raise();
    guard.close();
    const { renewals } = table;
    clock.pass(60_000);
    expect(table.renewals).toBe(renewals);
  });
});

import { KernelError } from '../../../kernel/kernel.ts';
import type { GuardCounters, PacketCounter } from '../../../kernel/nftables/guard-table.ts';
import type { InterfaceAddress } from '../../../link/addresses.ts';
import { Errno } from '../../../system/errno.ts';
import type { Cancel, Runtime } from '../../common/runtime.ts';
import type { Log } from '../../process/log.ts';
import { AddressBook } from './address-book.ts';

/** What a guard needs of the kernel; `kernel/nftables/guard-table.ts` does it. Each call may throw KernelError. */
export interface GuardingTable {
  /** Guards for the longest time from now on. */
  renew(): void;
  lift(): void;
  setOwnAddresses(addresses: readonly Uint8Array[]): void;
  counters(): GuardCounters;
  /** Makes the table anew, after a call failed with ENOENT. */
  create(): void;
}

/**
 * `down`: not raised. `up`: raised, and renewed. `takeover`: raised, not renewed any more, until the flows are committed.
 * `lapsed`: the longest time was over before the flows were committed. `waiting`: wanted again, but the addresses of the last
 * takeover are still there.
 */
export type GuardPhase = 'down' | 'up' | 'takeover' | 'lapsed' | 'waiting';

export interface GuardState {
  readonly phase: GuardPhase;
  readonly interfaces: readonly string[];
  /** Since when, in ms of the node's clock; undefined before the first change. */
  readonly since: number | undefined;
  /** What began the takeover; undefined in `down` and `up`. */
  readonly cause: string | undefined;
  readonly raised: number;
  readonly lifted: number;
  /** How often the longest time was over first. */
  readonly lapsed: number;
  /** How often the table was lost, and made anew. */
  readonly recreated: number;
  /** Since the start. */
  readonly counters: GuardCounters;
}

export interface GuardOptions {
  readonly interfaces: readonly string[];
  /** From the beginning of a takeover, or from the last renewal, until the guard is gone whatever happens. */
  readonly longestMs: number;
}

/** Renewals in the longest time. */
const RENEWALS = 3;

/**
 * Drops, while the node is not primary, what arrives on the guarded interfaces and belongs to no flow of the kernel, so that
 * no packet is answered before its flow is committed: keepalived gives the machine the virtual addresses before. A takeover begins when a virtual
 * address appears, or when the role is asked for; from then on the guard is not renewed, so that it ends by itself.
 */
export class Guard {
  private readonly table: GuardingTable;
  private readonly options: GuardOptions;
  private readonly log: Log;
  private readonly runtime: Runtime;
  private readonly addresses: AddressBook;
  private readonly readAddresses: () => void;

  private phase: GuardPhase = 'down';
  private since: number | undefined;
  private cause: string | undefined;
  /** Whether the role has asked to be primary, so that addresses that go again do not end the takeover. */
  private isPrimaryAsked = false;
  private renewedAt = 0;
  private raisedAt = 0;
  private cancelTimer: Cancel | undefined;
  private raised = 0;
  private lifted = 0;
  private lapsed = 0;
  private recreated = 0;
  /** Of tables that are lost. */
  private earlier: GuardCounters = { dropped: NONE, own: NONE };
  private latest: GuardCounters = { dropped: NONE, own: NONE };
  private droppedBefore: PacketCounter = NONE;

  /** @param readAddresses passes the changes of addresses that wait to {@link added} and {@link removed} */
  constructor(
    table: GuardingTable,
    options: GuardOptions,
    log: Log,
    runtime: Runtime,
    readAddresses: () => void,
  ) {
    this.table = table;
    this.options = options;
    this.log = log;
    this.runtime = runtime;
    this.addresses = new AddressBook(options.interfaces);
    this.readAddresses = readAddresses;
  }

  get state(): GuardState {
    this.readCounters();
    const { phase, since, cause, raised, lifted, lapsed, recreated } = this;
    const { interfaces } = this.options;
    return { phase, interfaces, since, cause, raised, lifted, lapsed, recreated, counters: this.total() };
  }

  close(): void {
    this.cancelTimer?.();
  }

  /** An address is there: at the start, or because somebody gave it to an interface. */
  added(address: InterfaceAddress): void {
    const { phase } = this;
    if (this.addresses.add(address, phase !== 'down') === 'own') {
      if (phase !== 'down') this.passOwnAddresses();
      return;
    }
    if (phase === 'up') this.beginTakeover(`${address.text} appeared on ${address.interface}`);
  }

  removed(address: InterfaceAddress): void {
    const kind = this.addresses.remove(address);
    if (this.phase === 'down') return;
    if (kind === 'own') this.passOwnAddresses();
    if (kind === 'virtual' && !this.isPrimaryAsked) this.raiseUnlessVirtual();
  }

  /** The node is not primary: what arrives is dropped from now on, but not while addresses of a takeover are there. */
  raise(): void {
    this.readAddresses();
    this.isPrimaryAsked = false;
    this.raiseUnlessVirtual();
  }

  /** The node is about to be primary: the guard stays until {@link lift}, but no longer than its longest time. */
  expectTakeover(cause: string): void {
    this.isPrimaryAsked = true;
    if (this.phase === 'up') this.beginTakeover(cause);
  }

  /** The flows are committed, or cannot be: what arrives passes. */
  lift(): void {
    const { phase } = this;
    this.isPrimaryAsked = false;
    if (phase === 'down') return;
    if (phase === 'up' || phase === 'takeover') {
      this.attempt('lift', () => this.table.lift());
      this.lifted++;
      this.logLift(phase);
    }
    this.enter('down', undefined);
  }

  private raiseUnlessVirtual(): void {
    const [virtual] = this.addresses.virtual;
    if (virtual === undefined) {
      if (this.phase === 'up') return;
      const isRaised = this.phase === 'takeover';
      if (!isRaised) this.raised++;
      this.enter('up', undefined);
      if (!isRaised) {
        this.raisedAt = this.since!;
        this.readCounters();
        this.droppedBefore = this.total().dropped;
      }
      this.passOwnAddresses();
      this.renew();
      const where = this.options.interfaces.join(', ');
      this.log.notice(isRaised ? 'guard: no takeover any more' : `guard raised on ${where}`, {
        event: isRaised ? 'guard_takeover_ended' : 'guard_raised',
        interfaces: this.options.interfaces.join(','),
      });
    } else if (this.phase === 'down') {
      this.enter('waiting', `${virtual.text} is still on ${virtual.interface}`);
      this.log.notice(`guard not raised: ${this.cause}`, {
        event: 'guard_waiting',
        address: virtual.text,
        interface: virtual.interface,
      });
    }
  }

  private logLift(phase: 'up' | 'takeover'): void {
    this.readCounters();
    const now = this.runtime.now();
    const took = phase === 'takeover' ? `${seconds(now - this.since!)} after the takeover began, ` : '';
    const { packets, bytes } = this.droppedSinceRaise();
    this.log.notice(
      `guard lifted ${took}${seconds(now - this.raisedAt)} after it was raised: ${packets} packets (${bytes} bytes) dropped`,
      {
        event: 'guard_lifted',
        takeover_ms: phase === 'takeover' ? now - this.since! : undefined,
        raised_ms: now - this.raisedAt,
        dropped_packets: packets,
        dropped_bytes: bytes,
      },
    );
  }

  private beginTakeover(cause: string): void {
    this.enter('takeover', cause);
    this.log.notice(`guard: takeover begins (${cause})`, { event: 'takeover_begins', cause });
    const { longestMs } = this.options;
    const leftMs = Math.max(0, this.renewedAt + longestMs - this.runtime.now());
    this.cancelTimer = this.runtime.after(leftMs, () => this.lapse());
  }

  private lapse(): void {
    const { cause } = this;
    this.lapsed++;
    // The kernel has lifted it by its own clock.
    this.attempt('lift', () => this.table.lift());
    this.readCounters();
    const { packets } = this.droppedSinceRaise();
    const missing = this.isPrimaryAsked
      ? 'the flows were not committed in time'
      : 'nobody gave this node a role';
    this.log.error(
      `guard lifted by its longest time of ${seconds(this.options.longestMs)}: ${cause}, but ${missing}; ${packets} packets dropped`,
      {
        event: 'guard_lapsed',
        longest_ms: this.options.longestMs,
        cause,
        reason: missing,
        dropped_packets: packets,
      },
    );
    this.enter('lapsed', cause);
  }

  private enter(phase: GuardPhase, cause: string | undefined): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.phase = phase;
    this.cause = cause;
    this.since = this.runtime.now();
  }

  private renew(): void {
    this.renewedAt = this.runtime.now();
    this.attempt('renewal', () => this.table.renew());
    this.cancelTimer = this.runtime.after(this.options.longestMs / RENEWALS, () => this.renewAgain());
  }

  private renewAgain(): void {
    // After a long stop a takeover may be under way that nobody has read of: it must not be guarded again.
    this.readAddresses();
    if (this.phase !== 'up') return;
    const lateMs = this.runtime.now() - this.renewedAt - this.options.longestMs;
    if (lateMs > 0) {
      this.lapsed++;
      this.log.warning(`guard was not renewed in time, and the kernel had lifted it for ${seconds(lateMs)}`, {
        event: 'guard_renewed_late',
        late_ms: lateMs,
      });
    }
    this.renew();
  }

  private passOwnAddresses(): void {
    this.attempt('own addresses', () =>
      this.table.setOwnAddresses(this.addresses.own.map(({ address }) => address)),
    );
  }

  private droppedSinceRaise(): PacketCounter {
    const { dropped } = this.total();
    return {
      packets: dropped.packets - this.droppedBefore.packets,
      bytes: dropped.bytes - this.droppedBefore.bytes,
    };
  }

  private total(): GuardCounters {
    return {
      dropped: sum(this.earlier.dropped, this.latest.dropped),
      own: sum(this.earlier.own, this.latest.own),
    };
  }

  private readCounters(): void {
    try {
      this.latest = this.table.counters();
    } catch (error) {
      // The next change of the table finds out whether it is lost.
      if (!(error instanceof KernelError)) throw error;
    }
  }

  /** Makes a lost table anew; logs what else the kernel refuses. */
  private attempt(what: string, change: () => void): void {
    try {
      try {
        change();
      } catch (error) {
        if (!(error instanceof KernelError && error.errno === Errno.ENOENT)) throw error;
        this.recreate();
        change();
      }
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.log.error(`guard: ${what}: ${error.message}`, {
        event: 'guard_failed',
        action: what,
        reason: error.message,
      });
    }
  }

  private recreate(): void {
    this.recreated++;
    this.earlier = this.total();
    this.latest = { dropped: NONE, own: NONE };
    this.log.warning('guard: somebody removed its table; making it anew', { event: 'guard_recreated' });
    this.table.create();
    this.table.setOwnAddresses(this.addresses.own.map(({ address }) => address));
    if (this.phase === 'up') this.table.renew();
  }
}

const NONE: PacketCounter = { packets: 0, bytes: 0 };

function sum(one: PacketCounter, other: PacketCounter): PacketCounter {
  return { packets: one.packets + other.packets, bytes: one.bytes + other.bytes };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}

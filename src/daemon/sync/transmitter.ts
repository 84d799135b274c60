import type { SenderDescription } from '../../link/links.ts';
import type { Dialect } from '../../sync/dialect/dialect.ts';
import { type EngineEvent, type SyncEngine, TransmitResult } from '../../sync/engine.ts';
import type { ReusableTimer } from '../../system/loop/reusable-timer.ts';
import { secondsOf } from '../../table/seconds.ts';
import { Collector } from '../../wire/collector.ts';
import type { Runtime } from '../common/runtime.ts';

/** The dedicated links as the node uses them. */
export interface NodeLinks {
  /** Bytes that a datagram on the current link must stay below. */
  readonly payloadLimit: number;
  /** Whether the current link accepts nothing more at present; it notifies its owner when it does again. */
  readonly congested: boolean;
  /** Sends `bytes[0, length)` on the current link, at the latest with the next `flush`. */
  send(bytes: Uint8Array, length: number): void;
  flush(): void;
  /** Makes this link the current one: a valid message arrived on it. */
  markCurrent(link: number): void;
  /** A sender for the log; left out where links and senders have no names. */
  describeSender?(link: number, sender: number): SenderDescription;
}

/** Handles what the engine reports. */
export interface EngineEventHandler {
  handle(event: EngineEvent): void;
}

/** Drops the records that have expired at `seconds` of the caches' clock. */
export interface ExpiringRecords {
  expire(seconds: number): void;
}

/** Messages written per turn of the event loop. */
const TRANSMIT_BUDGET = 4096;

/**
 * The timer fires at least this often, in ms: external records expire by it. A little more than the second after which an engine breaks
 * its silence, so that an idle node wakes for one of both.
 */
const HEARTBEAT_MS = 1100;

/** Drives the engine: sends its messages over the links, and calls it when its timeout is due. */
export class Transmitter {
  /** Gathers messages into datagrams for the current link. */
  readonly collector: Collector;
  private readonly engine: SyncEngine;
  private readonly links: NodeLinks;
  private readonly external: ExpiringRecords;
  private readonly events: EngineEventHandler;
  private readonly runtime: Runtime;
  private isScheduled = false;
  private started = false;
  /** One of the poll loop's: Node's own would wake the node at the time that it was set to first, also if it is set to a later one. */
  private readonly timer: ReusableTimer;
  private isTimerSet = false;
  /** When the timer fires, by the clock of the runtime. */
  private timeoutAt = 0;
  private closed = false;

  constructor(
    engine: SyncEngine,
    links: NodeLinks,
    external: ExpiringRecords,
    events: EngineEventHandler,
    runtime: Runtime,
    dialect: Dialect,
  ) {
    this.engine = engine;
    this.links = links;
    this.external = external;
    this.events = events;
    this.runtime = runtime;
    this.timer = runtime.timer(() => this.handleTimeout());
    this.collector = new Collector(links.payloadLimit, (bytes, length) => {
      if (dialect.changesDatagrams) links.send(dialect.datagram, dialect.writeDatagram(bytes, length));
      else links.send(bytes, length);
    });
  }

  /**
   * From now on messages are sent. Until then the engine only queues: a bulk before the kernel's table was read would lack what
   * is read after it, and nothing that is read is sent by itself.
   */
  start(): void {
    this.started = true;
    this.schedule();
    this.armTimer();
  }

  close(): void {
    this.closed = true;
    this.timer.clear();
  }

  /** Transmits once everything that has arrived is handled. */
  schedule(): void {
    if (this.isScheduled || this.closed) return;
    this.isScheduled = true;
    this.runtime.defer(() => this.transmit());
  }

  /** Messages came, and all of them are dealt with: does what is due soon, for which the node need not wake then, and transmits. */
  handleArrived(): void {
    const now = this.runtime.now();
    if (this.started && !this.closed && this.engine.breakSilenceEarly(now)) {
      this.isTimerSet = false;
      this.external.expire(secondsOf(now));
      this.runtime.noteAwake();
      this.engine.handleTimeout(now);
    }
    this.transmit();
  }

  /** Transmits now, unless the link is congested. */
  transmit(): void {
    this.isScheduled = false;
    if (!this.started || this.closed) return;
    if (!this.links.congested) this.transmitNow();
    if (!this.isTimerSet || this.engine.pollTimeout() < this.timeoutAt) this.armTimer();
  }

  private transmitNow(): void {
    this.collector.setLimit(this.links.payloadLimit);
    const result = this.engine.pollTransmit(this.collector, this.runtime.now(), TRANSMIT_BUDGET);
    this.collector.flush();
    this.links.flush();
    this.checkResendQueue();
    for (const event of this.engine.pollEvents()) this.events.handle(event);
    if (result === TransmitResult.MORE) this.schedule();
  }

  /** @throws Error if the resend queue is above its limit, which is a bug: it would grow until memory runs out */
  private checkResendQueue(): void {
    const { resendLength, resendLimit } = this.engine.queues;
    if (resendLength > resendLimit) {
      throw new Error(`the resend queue has ${resendLength} messages, above its limit of ${resendLimit}`);
    }
  }

  private armTimer(): void {
    const { runtime } = this;
    this.isTimerSet = true;
    const now = runtime.now();
    this.timeoutAt = Math.min(now + HEARTBEAT_MS, this.engine.pollTimeout());
    this.timer.set(Math.max(0, this.timeoutAt - now));
  }

  private handleTimeout(): void {
    const now = this.runtime.now();
    this.isTimerSet = false;
    this.external.expire(secondsOf(now));
    this.runtime.noteAwake();
    if (now < this.engine.pollTimeout()) {
      this.armTimer();
      return;
    }
    this.engine.handleTimeout(now);
    // Sets the timer: what is sent puts off the keep-alive, and a timer that was set before would wake the node a little too early.
    this.schedule();
  }
}

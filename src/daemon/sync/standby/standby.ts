import type { StandbyStatistics } from '../../../control/standby.ts';
import { Change, Origin } from '../../../flow/change.ts';
import type { StandbySettings } from '../../../settings/settings.ts';
import type { EngineEvent } from '../../../sync/engine.ts';
import type { RecordSink } from '../../../sync/replica.ts';
import type { Log } from '../../process/log.ts';
import { KeptFlows, type KeptFlowsOptions } from './kept-flows.ts';
import { ResyncRound } from './resync-round.ts';

/** A peer that says nothing for so long, in seconds, is dead: our kernel's own timeouts decide about its flows. */
const SILENCE_MAX_S = 60;

/** What a standby asks of the node around it. */
export interface StandbyContext {
  /** Puts records into the kernel. */
  readonly kernel: RecordSink;
  readonly log: Log;
  /** Whether no message of the peer is lost: what one resync does not bring is gone. Else it takes two. */
  readonly isReliable: () => boolean;
  /** Asks the peer for all that it has. */
  readonly requestResync: () => void;
  /** The peer has the flow `bytes[start, end)`: it is not ours to send. */
  readonly disown: (bytes: Uint8Array, start: number, end: number) => void;
  /** Sends to the kernel what was put in through `kernel`. */
  readonly flush: () => void;
  /** Removes from the kernel what neither the peer has nor began here after that second. */
  readonly sweep: (seconds: number) => void;
}

/**
 * A hot standby that is as good as its peer's table (`[standby] keep`): what the peer has not ended is kept in our kernel, and
 * what it no longer has is removed.
 *
 * A flow is the peer's from the peer's last word about it until an event of our own kernel shows traffic here. None is the
 * peer's once this node takes over ({@link release}), until it is asked to be a standby again ({@link beginResync}).
 */
export class Standby implements RecordSink {
  readonly flows: KeptFlows;
  private readonly context: StandbyContext;
  private readonly settings: StandbySettings;
  private readonly round: ResyncRound;
  private isReleased = false;
  private seconds: number;
  /** Undefined until the peer has said something. */
  private heardAt: number | undefined;
  /** When the last round began that came to its end. */
  private confirmedAt: number;
  private nextResyncAt: number;
  /** When a command asked for a standby, until what neither node knows is removed. */
  private sweepFrom: number | undefined;

  /** @param seconds the caches' clock */
  constructor(
    context: StandbyContext,
    settings: StandbySettings,
    options: KeptFlowsOptions,
    seconds: number,
  ) {
    this.context = context;
    this.settings = settings;
    this.flows = new KeptFlows(context.kernel, options, seconds);
    this.round = new ResyncRound(this.flows, context.requestResync);
    this.seconds = seconds;
    this.confirmedAt = seconds;
    this.nextResyncAt = seconds + settings.resyncSeconds;
  }

  get statistics(): StandbyStatistics {
    const { size, memory, counters } = this.flows;
    return { kept: size, ...counters, memory };
  }

  /** Whether the flow `bytes[0, length)` is the peer's. */
  has(bytes: Uint8Array, length: number): boolean {
    return this.flows.size > 0 && this.flows.has(bytes, 0, length);
  }

  replace(bytes: Uint8Array, start: number, end: number, seconds: number): void {
    this.disown(bytes, start, end);
    this.target.replace(bytes, start, end, seconds);
  }

  update(bytes: Uint8Array, start: number, end: number, seconds: number): void {
    this.disown(bytes, start, end);
    this.target.update(bytes, start, end, seconds);
  }

  delete(bytes: Uint8Array, start: number, end: number): void {
    this.target.delete(bytes, start, end);
  }

  /** Takes an event of our kernel about the flow `bytes[0, length)`. Returns whether the flow is ours to tell of. */
  noteEvent(change: Change, origin: Origin, bytes: Uint8Array, length: number): boolean {
    if (origin === Origin.INJECT || this.flows.size === 0) return true;
    if (change !== Change.DESTROY) {
      this.flows.forget(bytes, 0, length);
      return true;
    }
    if (!this.flows.has(bytes, 0, length)) return true;
    if (this.isPeerAlive) this.flows.noteLost(bytes, 0, length);
    else this.flows.forget(bytes, 0, length);
    return false;
  }

  /** The peer has said something valid. */
  noteHeard(seconds: number): void {
    const wasSilent = this.heardAt !== undefined && seconds - this.heardAt > SILENCE_MAX_S;
    this.heardAt = seconds;
    if (wasSilent) this.resyncFor('the other node is back');
  }

  handleEngineEvent({ kind }: EngineEvent): void {
    if (kind === 'peer-restarted' || kind === 'peer-adopted') this.resyncFor('the other node restarted');
  }

  /** Sets the time: refreshes flows, and goes on with a resync. */
  expire(seconds: number): void {
    const { flows } = this;
    if (seconds === this.seconds) return;
    this.seconds = seconds;
    if (this.isPeerAlive) flows.refresh(seconds);
    else flows.skip(seconds);
    if (this.isReleased) return;
    const { resyncSeconds } = this.settings;
    const isDue = resyncSeconds > 0 && seconds >= this.nextResyncAt;
    if (isDue && flows.size > 0 && this.isPeerAlive && !this.round.isUnderWay) this.round.begin(seconds);
    const confirmedAt = this.round.step(seconds, this.isPeerAlive);
    if (confirmedAt !== undefined) this.endRound(confirmedAt);
    this.context.flush();
  }

  /**
   * Asks the peer for all that it has, and keeps its flows from now on.
   * @param isCommanded whether an operator or a script asked: this node is a standby, and what neither the peer has nor
   * began here after this second is to be removed from our kernel
   */
  beginResync(isCommanded: boolean, seconds: number): void {
    this.isReleased = false;
    if (isCommanded) this.sweepFrom = seconds;
    this.round.begin(seconds);
  }

  /** This node takes over: all flows are its own. */
  release(): void {
    this.isReleased = true;
    this.sweepFrom = undefined;
    this.round.cancel();
    this.flows.forgetAll();
  }

  private get target(): RecordSink {
    return this.isReleased ? this.context.kernel : this.flows;
  }

  private get isPeerAlive(): boolean {
    return this.heardAt !== undefined && this.seconds - this.heardAt <= SILENCE_MAX_S;
  }

  private disown(bytes: Uint8Array, start: number, end: number): void {
    if (!this.isReleased) this.context.disown(bytes, start, end);
  }

  private resyncFor(cause: string): void {
    if (this.isReleased || this.flows.size === 0 || this.round.isUnderWay) return;
    this.context.log.notice(`hot standby: ${cause}, asking it for all that it has`);
    this.round.begin(this.seconds);
  }

  private endRound(startedAt: number): void {
    const { context, flows } = this;
    const removed = flows.removeUnconfirmed(context.isReliable() ? startedAt : this.confirmedAt);
    this.confirmedAt = startedAt;
    this.nextResyncAt = this.seconds + this.settings.resyncSeconds;
    if (removed > 0)
      context.log.notice(`hot standby: ${removed} flows removed that the other node no longer has`);
    if (this.sweepFrom === undefined) return;
    context.sweep(this.sweepFrom);
    this.sweepFrom = undefined;
  }
}

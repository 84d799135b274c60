import type { StandbyStatistics } from '../../../control/standby.ts';
import { Change, Origin } from '../../../flow/change.ts';
import type { StandbySettings } from '../../../settings/settings.ts';
import type { EngineEvent } from '../../../sync/engine.ts';
import type { RecordSink } from '../../../sync/replica.ts';
import { type RecordTable, SlotState } from '../../../table/record-table.ts';
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
  /** The flows of our kernel that are sent to the peer. */
  readonly internal: RecordTable;
  /** Forgets the record of this slot of {@link internal} and sends nothing: the peer has the flow. */
  readonly disown: (slot: number) => void;
  /** Sends to the kernel what was put in through `kernel`. */
  readonly flush: () => void;
  /** Removes from the kernel what neither the peer has nor began here after that second. */
  readonly sweep: (seconds: number) => void;
}

/**
 * A hot standby that is as good as its peer's table (`[standby] keep`): what the peer has not ended is kept in our kernel, and
 * what it no longer has is removed.
 *
 * The peer may speak of flows that are not its own: after a restart of its daemon, or when its copy of one of ours times out.
 * So it matters who is what. To a standby ({@link beginResync}, commanded) every flow is the peer's of which the peer speaks.
 * To a primary ({@link release}) every flow of our kernel is ours, and what the peer says about it is ignored. As long as
 * nobody has said, a flow is ours if an event of our kernel has told of it, and the peer is asked for nothing.
 */
export class Standby implements RecordSink {
  readonly flows: KeptFlows;
  private readonly context: StandbyContext;
  private readonly settings: StandbySettings;
  private readonly round: ResyncRound;
  private role: 'unknown' | 'standby' | 'primary' = 'unknown';
  /** By slot of the internal cache: whether an event has told of the flow, and not only a dump. */
  private seenHere = new Uint8Array(1024);
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
    if (!this.isOurs(bytes, start, end)) this.target.replace(bytes, start, end, seconds);
  }

  update(bytes: Uint8Array, start: number, end: number, seconds: number): void {
    if (!this.isOurs(bytes, start, end)) this.target.update(bytes, start, end, seconds);
  }

  delete(bytes: Uint8Array, start: number, end: number): void {
    if (!this.isOurs(bytes, start, end)) this.target.delete(bytes, start, end);
  }

  /**
   * Whether a dump's flow `bytes[0, length)` is not ours to tell of: the peer has it, or nobody knows yet, because the standby
   * has not yet removed what the peer does not have.
   */
  isNotOurs(bytes: Uint8Array, length: number): boolean {
    return (this.role === 'standby' && this.sweepFrom !== undefined) || this.has(bytes, length);
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

  /** An event has told of the flow `bytes[0, length)`, which the internal cache has since. */
  noteSeenHere(bytes: Uint8Array, length: number): void {
    if (this.role !== 'unknown') return;
    const slot = this.context.internal.find(bytes, 0, length);
    if (slot < 0) return;
    if (slot >= this.seenHere.length) {
      const grown = new Uint8Array(Math.max(2 * this.seenHere.length, slot + 1));
      grown.set(this.seenHere);
      this.seenHere = grown;
    }
    this.seenHere[slot] = 1;
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
    if (this.role === 'primary') return;
    const { resyncSeconds } = this.settings;
    const isDue = this.role === 'standby' && resyncSeconds > 0 && seconds >= this.nextResyncAt;
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
    if (this.role === 'primary' && !isCommanded) return;
    if (isCommanded) {
      this.role = 'standby';
      this.sweepFrom = seconds;
    }
    this.round.begin(seconds);
  }

  /** This node takes over: all flows are its own. */
  release(): void {
    this.role = 'primary';
    this.sweepFrom = undefined;
    this.round.cancel();
    if (this.isPeerAlive) this.flows.refreshUrgent(this.seconds);
    this.context.flush();
    this.flows.forgetAll();
  }

  private get target(): RecordSink {
    return this.role === 'primary' ? this.context.kernel : this.flows;
  }

  private get isPeerAlive(): boolean {
    return this.heardAt !== undefined && this.seconds - this.heardAt <= SILENCE_MAX_S;
  }

  /** Returns whether the flow `bytes[start, end)` is ours. If it is not, the internal cache has it no longer. */
  private isOurs(bytes: Uint8Array, start: number, end: number): boolean {
    const { internal, disown } = this.context;
    const slot = internal.size === 0 ? -1 : internal.find(bytes, start, end);
    if (slot < 0 || internal.stateOf(slot) === SlotState.DEAD) return false;
    if (this.role === 'primary' || (this.role === 'unknown' && this.seenHere[slot] === 1)) return true;
    disown(slot);
    return false;
  }

  private resyncFor(cause: string): void {
    if (this.role !== 'standby' || this.flows.size === 0 || this.round.isUnderWay) return;
    this.context.log.notice(`hot standby: ${cause}, asking it for all that it has`, {
      event: 'standby_resync',
      cause,
    });
    this.round.begin(this.seconds);
  }

  private endRound(startedAt: number): void {
    const { context, flows } = this;
    const removed = flows.removeUnconfirmed(context.isReliable() ? startedAt : this.confirmedAt);
    this.confirmedAt = startedAt;
    this.nextResyncAt = this.seconds + this.settings.resyncSeconds;
    if (removed > 0) {
      context.log.notice(`hot standby: ${removed} flows removed that the other node no longer has`, {
        event: 'standby_removed',
        flows: removed,
      });
    }
    if (this.sweepFrom === undefined) return;
    context.sweep(this.sweepFrom);
    this.sweepFrom = undefined;
  }
}

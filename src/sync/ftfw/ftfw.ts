import type { Item } from '../../flow/item.ts';
import type { Collector } from '../../wire/collector.ts';
import { Flag, flagsOf, isDigest, rangeFromOf, rangeToOf, sequenceOf } from '../../wire/header.ts';
import { previous, span } from '../../wire/sequence.ts';
import { BulkSchedule } from '../bulk-schedule.ts';
import { DigestSchedule } from '../digest-schedule.ts';
import {
  type EngineEvent,
  type EngineStatus,
  type InternalCaches,
  MessageResult,
  type SyncEngine,
  TransmitResult,
} from '../engine.ts';
import { EngineEvents } from '../engine-events.ts';
import { Keepalive } from '../keepalive.ts';
import { plausibleLoss } from '../limits/plausible-loss.ts';
import { kindOf, MessageKind } from '../message-kind.ts';
import type { MessageQueues } from '../message-queues.ts';
import { Outbox } from '../outbox.ts';
import { areAllOurs, reportSilences } from '../peer-presence.ts';
import { PeerTable } from '../peer-table.ts';
import { PresenceClock } from '../presence.ts';
import { type SequenceCounters, SequenceOrder, SequenceSource } from '../sequence.ts';
import { AckDelays } from './ack/ack-delays.ts';
import { AckProbe } from './ack/ack-probe.ts';
import { Acknowledger } from './ack/acknowledger.ts';
import { ControlPacer } from './control-pacer.ts';
import { FlowControl } from './flow-control.ts';
import type { FtFwOptions } from './ftfw-options.ts';
import { Group, ReportResult } from './group/group.ts';
import { isAnnouncement, isReport } from './group/report.ts';
import { Healing } from './healing.ts';
import { Hello } from './hello.ts';
import { INVITATION, Invitation } from './invitation.ts';
import { Peer } from './peer.ts';
import { PeerSequencer } from './peer-sequencer.ts';
import { ResyncRounds } from './resync-rounds.ts';
import { Retransmission } from './retransmission.ts';
import { identities } from './series/identity.ts';
import { SERIES_SPAN } from './series/series-span.ts';
import { SteadyRun } from './series/steady-run.ts';
import { currentStates, engineStatus, onlyPeer } from './status.ts';
import { Transmission } from './transmission.ts';

/**
 * FT-FW, the reliable mode: messages are kept until the peers acknowledge them, and what a peer misses is sent again
 * in its current state, under a new number. docs/protocol.md, section 3, has the rules; each part of this folder
 * implements one of them:
 *
 * - {@link Hello}: our side of the handshake.
 * - {@link PeerSequencer}: which peer sent a message, and whether it is in order. Handshakes and restarts of peers.
 * - `AckWindow`: what we acknowledge.
 * - {@link Retransmission}, with `AckTracker`: what peers acknowledge, and what they miss.
 * - {@link AckProbe}, with {@link AckDelays}: how long that takes.
 * - {@link FlowControl}: how many messages may be unacknowledged.
 * - {@link ControlPacer}: how fast control messages may be sent.
 * - {@link BulkSchedule}: when everything is sent.
 * - {@link Healing}: what a node does by itself where it or its peer lacks something.
 * - {@link ResyncRounds}: when the peers are asked for everything, and what follows from their answers.
 * - {@link Group}: what takes the place of ACK and NACK in a group of ours.
 * - {@link Keepalive}: when a node must send although it has nothing to send.
 */
export class FtFw implements SyncEngine {
  readonly counters: SequenceCounters = { lost: 0, stale: 0, unfoundedAcks: 0, falseHellos: 0 };
  readonly isReliable = true;
  private readonly outbox: Outbox;
  private readonly sequences: SequenceSource;
  readonly rounds: ResyncRounds;
  private readonly healing: Healing;
  private readonly newIdentity = identities();
  private readonly peers = new PeerTable(() => new Peer(this.newIdentity()));
  private readonly events = new EngineEvents();
  private readonly hello = new Hello();
  private readonly controlPacer = new ControlPacer();
  private readonly keepalive: Keepalive;
  private readonly flowControl: FlowControl;
  private readonly retransmission: Retransmission;
  private readonly sequencer: PeerSequencer;
  private readonly acknowledger: Acknowledger;
  private readonly run = new SteadyRun<Peer>();
  private readonly digests: DigestSchedule;
  private readonly group: Group;
  private readonly transmission: Transmission;
  private readonly ackProbe = new AckProbe({ states: () => currentStates(this.peers) });
  private readonly ackDelays = new AckDelays();
  private readonly plausibleLoss = plausibleLoss();
  readonly bulks = new BulkSchedule();
  private readonly invitation = new Invitation();
  private readonly presenceClock: PresenceClock;

  /** @param now milliseconds of a clock that never goes back */
  constructor(caches: InternalCaches, options: FtFwOptions, now: number) {
    const { peers, newIdentity, hello, events, bulks, invitation, ackProbe, ackDelays, counters } = this;
    this.rounds = new ResyncRounds(peers, {
      asksFor: (peer, last) => this.retransmission.holdsNack(peer, last),
      lacks: (peer, now) => this.group.lacks(peer, now),
    });
    this.outbox = new Outbox(caches, options.resendQueueSize);
    this.sequences = new SequenceSource(options.initialSequence);
    this.keepalive = new Keepalive(now);
    this.digests = new DigestSchedule(now);
    this.acknowledger = new Acknowledger(peers, this.outbox, options.ackWindowSize);
    this.presenceClock = new PresenceClock(now);
    this.flowControl = new FlowControl(options.ackWindowSize, this.sequences, peers);
    this.retransmission = new Retransmission(this.outbox, this.flowControl, this.sequences);
    const { outbox, sequences, retransmission, rounds, flowControl } = this;
    this.healing = new Healing({ peers, hello, rounds, bulks, invitation }, options.healsItself === true);
    const shared = { peers, outbox, sequences, hello, retransmission, rounds, ackProbe, counters };
    this.sequencer = new PeerSequencer({ ...shared, newIdentity, events });
    this.group = new Group({ ...shared, flowControl, ackDelays }, options.ackWindowSize);
    this.transmission = new Transmission({ ...shared, bulks, group: this.group }, this.healing.isEnabled);
  }

  get queues(): MessageQueues {
    return this.outbox.queues;
  }

  handleMessage(sender: number, bytes: Uint8Array, at: number, now: number): MessageResult {
    const steady = this.run.peerOf(sender, bytes, at, now);
    if (steady !== undefined) {
      this.rounds.noteTaken(steady, true, now);
      this.take(steady, MessageKind.DATA, sequenceOf(bytes, at), now);
      return MessageResult.DATA;
    }
    this.run.end();
    const kind = kindOf(bytes, at);
    if (kind === MessageKind.BAD) return MessageResult.MALFORMED;
    const sequence = sequenceOf(bytes, at);
    const flags = flagsOf(bytes, at);
    const peer = this.sequencer.peerOf(sender, sequence, flags, now);
    if (isReport(bytes, at)) return this.takeReport(sender, peer, bytes, at, now);
    const order = this.sequencer.orderOf(sender, peer, bytes, at, now);
    if (order === SequenceOrder.DOUBTED) return MessageResult.STALE;
    if (flags & Flag.HELLO_BACK && this.hello.handleHelloBack()) this.healing.handleBeginning(now);
    if (order === SequenceOrder.STALE) {
      this.counters.stale++;
      this.rounds.noteStale(peer);
      return MessageResult.STALE;
    }
    if (order === SequenceOrder.FIRST) this.handleFirst(peer, sequence, now);
    else if (peer.takeDoubt()) this.healing.handleBeginning(now);
    this.rounds.noteTaken(peer, kind === MessageKind.DATA, now);
    if (order === SequenceOrder.AHEAD) this.rounds.noteLoss(peer, now);
    this.handleControl(kind, peer, bytes, at, now);

    if (order === SequenceOrder.AHEAD) this.handleGap(peer, sequence, now);
    this.take(peer, kind, sequence, now);
    if (isAnnouncement(bytes, at)) this.group.noteAnnounced(peer, now);
    if (order === SequenceOrder.NEXT) this.run.begin(peer, sender, bytes, at, now);
    if (kind === MessageKind.DATA) return MessageResult.DATA;
    const tells = kind === MessageKind.ALIVE && order === SequenceOrder.NEXT && isDigest(bytes, at);
    return tells && this.rounds.isComparable(peer, now) ? MessageResult.DIGEST : MessageResult.HANDLED;
  }

  handleRecordChanged(): void {}

  handleRecordEnded(item: Item, slot: number): void {
    this.outbox.releaseEnded(item, slot);
  }

  handleTimeout(now: number): void {
    this.flowControl.handleTimeout(now);
    if (now >= this.sequencer.dueAt)
      for (const peer of this.sequencer.handleTimeout(now))
        this.handleFirst(peer, peer.received.expected, now);
    this.controlPacer.refill(now);
    this.bulks.handleTimeout(now);
    this.rounds.handleTimeout(now);
    this.invitation.handleTimeout(now);
    this.digests.handleTimeout(now);
    this.group.handleTimeout(now);
    this.reviewPresence(now);
    if (now >= this.keepalive.dueAt) this.breakSilence(now);
  }

  breakSilenceEarly(now: number): boolean {
    // In a group all would follow the first one at once.
    if (this.group.isActive || !this.keepalive.noteMessages(now)) return false;
    this.breakSilence(now);
    return true;
  }

  private breakSilence(now: number): void {
    if (this.group.isActive) this.group.speak(now);
    else if (!this.acknowledger.acknowledgeAll()) this.outbox.enqueueControl(Flag.ALIVE, 0, 0);
    this.keepalive.breakSilence(now);
  }

  enqueue(item: Item, slot: number): void {
    this.outbox.enqueue(item, slot);
  }

  forget(item: Item, slot: number): void {
    this.outbox.forget(item, slot);
  }

  releaseRecords(item: Item): void {
    this.outbox.forgetAll(item);
    this.bulks.noteFlushed(item);
  }

  noteTableRead(item: Item): void {
    if (this.bulks.noteTableRead(item)) this.healing.handleTableRead();
  }

  noteCompared(isEqual: boolean): void {
    if (this.digests.noteCompared(isEqual)) this.healing.ask();
  }

  sendBulk(): void {
    this.bulks.command();
  }

  requestResync(): void {
    this.rounds.command();
  }

  pollTransmit(out: Collector, now: number, budget: number): TransmitResult {
    const { queues, controlPacer } = this;
    if (this.bulks.isDue(now)) this.enqueueBulk(now);
    if (this.healing.isEnabled && this.rounds.review(now)) this.events.add({ kind: 'resync-complete' });
    this.askIfDue(now);
    if (this.bulks.hasAnswered) this.acknowledger.answer(this.bulks.takeAnswered());
    if (queues.transmitLength === 0 && !this.digests.isDue(now) && !this.group.isDue)
      return TransmitResult.DONE;
    controlPacer.refill(now);

    let left = budget;
    for (; left > 0 && !controlPacer.isExhausted; left--) {
      const node = queues.shiftControl();
      if (node === 0) break;
      controlPacer.count();
      this.transmission.sendControl(out, node);
    }
    let waiting = left > 0 && queues.hasControls;
    for (; left > 0 && queues.hasRecords; left--) {
      if (!this.flowControl.admit(now)) {
        waiting = true;
        break;
      }
      this.transmission.sendRecord(out, queues.shiftRecord(), now);
    }
    if (this.bulks.hasAnswered) this.acknowledger.answer(this.bulks.takeAnswered());
    this.sendDigestIfDue(out, now);
    const hasReported = this.group.write(out, now);
    if (left < budget || hasReported) this.keepalive.noteTransmission(now);
    out.flush();
    if (queues.transmitLength === 0) return TransmitResult.DONE;
    return waiting ? TransmitResult.WAITING : TransmitResult.MORE;
  }

  pollEvents(): readonly EngineEvent[] {
    return this.events.take();
  }

  pollTimeout(): number {
    return Math.min(
      this.keepalive.dueAt,
      this.sequencer.dueAt,
      this.flowControl.resumesAt,
      this.controlPacer.resumesAt,
      this.bulks.pollTimeout(),
      this.rounds.pollTimeout(),
      this.invitation.dueAt,
      this.presenceClock.dueAt,
      this.digests.dueAt,
      this.group.dueAt,
    );
  }

  status(now: number): EngineStatus {
    const { peers, rounds, healing, ackDelays } = this;
    return engineStatus(peers, rounds, healing.isEnabled, ackDelays.statistics(now), now);
  }

  private reviewPresence(now: number): void {
    if (!this.presenceClock.take(now)) return;
    reportSilences(currentStates(this.peers), this.events, now);
    this.retransmission.removeSilentPeers(now);
    this.group.review(now);
    const peer = onlyPeer(this.peers);
    if (peer) this.retransmission.resendSkipped(peer, now);
    this.invitation.noteHeard(currentStates(this.peers));
  }

  private handleControl(kind: MessageKind, peer: Peer, bytes: Uint8Array, at: number, now: number): void {
    switch (kind) {
      case MessageKind.ACK:
        this.handleAck(peer, rangeFromOf(bytes, at), rangeToOf(bytes, at), flagsOf(bytes, at), now);
        break;
      case MessageKind.NACK:
        if (!this.group.isActive) this.keepalive.noteLoss(now);
        this.rounds.noteNack(peer, now);
        if (!this.retransmission.resend(peer, rangeFromOf(bytes, at), rangeToOf(bytes, at), now))
          this.healing.handleEviction(now);
        if (onlyPeer(this.peers) === peer)
          this.retransmission.skipFalseNumbers(peer, rangeToOf(bytes, at), this.sequences);
        break;
      case MessageKind.RESYNC:
        this.handleRequest(peer, sequenceOf(bytes, at), rangeFromOf(bytes, at), rangeToOf(bytes, at));
        break;
    }
  }

  private handleRequest(peer: Peer, sequence: number, from: number, to: number): void {
    const request = this.group.requestOf(peer, sequence, from, to);
    if (request !== undefined) {
      this.events.add({ kind: 'resync-requested-by-peer' });
      this.bulks.request(request);
    }
    this.invitation.accept(peer, currentStates(this.peers));
    // In a group one that comes again was followed before.
    if (from === INVITATION && request !== undefined) this.healing.ask();
  }

  private takeReport(sender: number, peer: Peer, bytes: Uint8Array, at: number, now: number): MessageResult {
    this.rounds.noteReport(peer, now);
    const result = this.group.handleReport(sender, peer, bytes, at, now);
    if (result === ReportResult.MALFORMED) return MessageResult.MALFORMED;
    if (result === ReportResult.BEGINNING) this.healing.handleBeginning(now);
    if (result === ReportResult.UNREPAIRABLE) this.healing.ask();
    if (this.group.takeEvictedMissing()) this.healing.handleEviction(now);
    return MessageResult.HANDLED;
  }

  private handleAck(peer: Peer, from: number, to: number, flags: number, now: number): void {
    if (flags & Flag.TELLS_ANSWERED) peer.noteFlags();
    // In a group of ours it is somebody else's as a rule, and what it acknowledges is reported.
    if (this.group.isActive && flags & Flag.ANSWERED) this.rounds.noteAnswer(peer, from, to, flags, now);
    else if (this.sequences.wasTaken(to)) {
      const delayMs = this.ackProbe.noteAck(peer, from, to, now);
      if (delayMs >= 0) this.ackDelays.record(delayMs, now);
      if (!this.retransmission.acknowledge(peer, from, to)) this.healing.handleEviction(now);
      if (!peer.tells && this.retransmission.takeUnrepairable(peer)) this.healing.ask();
      this.rounds.noteAck(peer, from, to, flags, now);
    } else this.counters.unfoundedAcks++;
  }

  /** A message of this peer is in order, or what is missing before it has been noted. */
  private take(peer: Peer, kind: MessageKind, sequence: number, now: number): void {
    peer.take(sequence, this.sequences.next);
    // Only data completes a window: otherwise two nodes would acknowledge each other's ACKs for ever.
    if (this.group.isActive) this.group.noteTaken(peer, kind, now);
    else if (kind === MessageKind.DATA) this.acknowledger.acknowledgeFull(peer);
  }

  private handleFirst(peer: Peer, sequence: number, now: number): void {
    this.group.noteFirst(peer, sequence, now);
    this.healing.handleBeginning(now);
  }

  private askIfDue(now: number): void {
    const invites = this.invitation.isDue(now);
    if (!invites && !this.rounds.isAskDue(now)) return;
    this.events.add({ kind: 'resync-requested' });
    const range = invites ? INVITATION : 0;
    const name = this.group.drawName();
    const known = invites ? this.invitation.noteSent(name, now) : undefined;
    // Who has answered it under that name does not answer again.
    if (known === undefined) this.rounds.begin(name ?? -1, now);
    this.outbox.enqueueControl(Flag.RESYNC, range, known ?? name ?? range);
  }

  /**
   * Numbers are missing before this one: acknowledges the open window, NACKs the missing numbers, and starts a window
   * after them.
   */
  private handleGap(peer: Peer, sequence: number, now: number): void {
    const { expected } = peer.received;
    const missing = span(expected, previous(sequence));
    // So many were hardly sent since: the peer restarted, and its HELLO did not reach us.
    if (missing > SERIES_SPAN) this.healing.handleBeginning(now);
    else this.counters.lost += this.plausibleLoss.take(missing, now);
    this.group.noteGap(peer, expected, previous(sequence), now);
    if (!this.group.isActive) {
      this.keepalive.noteLoss(now);
      if (peer.window.isOpen) this.acknowledger.acknowledge(peer);
      if (peer.missesFrom < 0) peer.missesFrom = expected;
      this.outbox.enqueueControl(Flag.NACK, expected, previous(sequence));
    }
    peer.window.start(sequence);
  }

  private enqueueBulk(now: number): void {
    const records = this.outbox.enqueueAll();
    this.retransmission.noteBulk();
    this.bulks.begin(records, this.queues.recordsWaiting, now);
    this.events.add({ kind: 'bulk-update', records });
  }

  /** Says what we have, once all of it is sent. If it is lost, the next one does as well. */
  private sendDigestIfDue(out: Collector, now: number): void {
    if (this.queues.transmitLength > 0 || !this.digests.take(now)) return;
    if (!this.bulks.isEverything || this.group.isActive || !areAllOurs(currentStates(this.peers))) return;
    this.transmission.sendDigest(out);
  }
}

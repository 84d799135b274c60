import type { Collector } from '../../../wire/collector.ts';
import { Flag } from '../../../wire/header.ts';
import { after, before, next, previous, span } from '../../../wire/sequence.ts';
import { MessageKind } from '../../message-kind.ts';
import type { Outbox } from '../../outbox.ts';
import type { PeerTable } from '../../peer-table.ts';
import type { SequenceCounters, SequenceSource } from '../../sequence.ts';
import type { AckDelays } from '../ack/ack-delays.ts';
import type { AckProbe } from '../ack/ack-probe.ts';
import type { FlowControl } from '../flow-control.ts';
import type { Hello } from '../hello.ts';
import type { Peer } from '../peer.ts';
import type { Retransmission } from '../retransmission.ts';
import { LATE_MS } from '../series/series-pulse.ts';
import { SERIES_SPAN } from '../series/series-span.ts';
import { Chance } from './chance.ts';
import { Membership } from './membership.ts';
import { Repairs } from './repairs.ts';
import { type Receipt, type Report, readReport, writeReport } from './report.ts';
import { ReportSchedule } from './report-schedule.ts';

/** What a report showed. */
export const ReportResult = {
  MALFORMED: 0,
  /** It is taken into account, or out of date. */
  HANDLED: 1,
  /** Its sender has begun another series than the one that was followed. */
  BEGINNING: 2,
  /** Its sender did not keep for us what did not come, and has not been asked for everything since. */
  UNREPAIRABLE: 3,
} as const;
export type ReportResult = (typeof ReportResult)[keyof typeof ReportResult];

/** The parts of the engine that it works with. */
export interface GroupParts {
  readonly peers: PeerTable<Peer>;
  readonly outbox: Outbox;
  readonly sequences: SequenceSource;
  readonly hello: Hello;
  readonly flowControl: FlowControl;
  readonly retransmission: Retransmission;
  readonly ackProbe: AckProbe;
  readonly ackDelays: AckDelays;
  readonly counters: SequenceCounters;
}

/** How long, in ms, after a peer missed messages of ours, reports say often what is awaited of whom. */
const LOSSY_MS = 3000;

/**
 * FT-FW in a group of three or more nodes that are all ours. C's ACK and NACK do not say whose numbers they name, each takes a number
 * that the others acknowledge and ask for in turn, and a repair asks all for another acknowledgement. Here instead each node
 * reports: which numbers of whom it has and misses, and what it awaits of whom. As in SRM (Floyd et al.) and NORM (RFC
 * 5740), who misses something waits at random, and longer in a larger group, whether another one asks; one answer to all who asked
 * follows; and nobody reports more often than the group's size allows.
 */
export class Group {
  private readonly parts: GroupParts;
  private readonly membership: Membership;
  private readonly repairs: Repairs;
  private readonly schedule: ReportSchedule;
  private readonly chance: Chance;
  private readonly id: number;
  private readonly ackWindowSize: number;
  /** Messages of one peer after which they are acknowledged. */
  private windowSize: number;
  private isReady = false;
  /** Whether a peer misses messages that are no longer kept, which was not reported yet. */
  private hasEvictedMissing = false;
  private lossyUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: GroupParts, ackWindowSize: number) {
    const { peers, outbox, sequences, retransmission } = parts;
    this.parts = parts;
    this.ackWindowSize = ackWindowSize;
    this.windowSize = ackWindowSize;
    this.id = sequences.next;
    this.chance = new Chance(this.id);
    this.schedule = new ReportSchedule(this.chance);
    this.membership = new Membership(peers);
    this.repairs = new Repairs(outbox.queues, retransmission);
  }

  /** Whether reports take the place of ACK and NACK. */
  get isActive(): boolean {
    return this.membership.isActive;
  }

  /** Whether an ALIVE says that we are one of ours. */
  get announces(): boolean {
    return this.membership.isGroup;
  }

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  get dueAt(): number {
    return Math.min(this.isReady ? Number.POSITIVE_INFINITY : this.schedule.dueAt, this.repairs.dueAt);
  }

  /** Whether {@link write} has something to write. */
  get isDue(): boolean {
    return this.isReady;
  }

  handleTimeout(now: number): void {
    if (this.repairs.handleTimeout(now)) this.schedule.reset();
    if (now >= this.schedule.dueAt) this.speak(now);
  }

  /** Reports, or says that this node is one of ours where not all know that. */
  speak(now: number): void {
    this.review(now);
    if (!this.isActive) {
      this.schedule.noteSent(false, 0, now);
      return;
    }
    this.isReady = this.membership.canReport;
    if (this.isReady && !this.parts.hello.isPending) return;
    this.parts.outbox.enqueueControl(Flag.ALIVE, 0, 0);
    if (!this.isReady) this.schedule.noteSent(true, this.membership.size, now);
  }

  /** Looks at who is there. */
  review(now: number): void {
    if (!this.membership.review(now)) return;
    for (const peer of this.parts.peers.states())
      if (peer.window.isOpen) peer.window.close(peer.received.last);
    if (this.isActive) {
      this.drawWindow();
      this.schedule.noteMissing(this.membership.size, now);
    } else {
      this.isReady = false;
      this.schedule.noteSent(false, 0, now);
      for (const peer of this.parts.peers.states()) this.acknowledgeAsC(peer);
    }
  }

  /** A peer is heard for the first time or has restarted, and its numbers are followed from this one on. */
  noteFirst(peer: Peer, sequence: number, now: number): void {
    peer.member.start(sequence, now);
    this.review(now);
    if (this.isActive) this.schedule.noteMissing(this.membership.size, now);
  }

  /** A peer says that it is one of ours. */
  noteAnnounced(peer: Peer, now: number): void {
    if (!peer.member.announce()) return;
    peer.noteFlags();
    // Others acknowledge what it may have missed before its first report.
    this.parts.retransmission.takeBack(peer);
    this.review(now);
    if (this.isActive) this.schedule.noteMissing(this.membership.size, now);
  }

  /** Numbers of a peer are missing before one that came. */
  noteGap(peer: Peer, from: number, to: number, now: number): void {
    peer.member.missing.add(from, to);
    if (this.isActive) this.schedule.noteMissing(this.membership.size, now);
  }

  /** Whether something of a peer is missing that it may send again. Where nobody reports, NACKs ask for it, as C's do. */
  lacks({ member }: Peer, now: number): boolean {
    return this.isActive && member.lacks(now);
  }

  /** A message of a peer was taken. */
  noteTaken(peer: Peer, kind: MessageKind, now: number): void {
    if (kind === MessageKind.ALIVE) return;
    if (peer.window.count >= this.windowSize) this.schedule.noteMissing(this.membership.size, now);
    else this.schedule.noteReceived(now);
  }

  /** Takes the report at `bytes[at]`. */
  handleReport(sender: number, from: Peer, bytes: Uint8Array, at: number, now: number): ReportResult {
    const report = readReport(bytes, at);
    if (report === undefined) return ReportResult.MALFORMED;
    if (from.member.wasIncarnation(report.id, now)) return ReportResult.HANDLED;
    const peer = this.peerOf(report.id, sender, from, now);
    const begins = !this.follows(peer, report);
    if (begins) {
      // What HELLO said counts first; a report that was overtaken may be of an incarnation before that.
      if (!peer.received.isEmpty && now - peer.helloAt < LATE_MS) return ReportResult.HANDLED;
      this.adopt(peer, report.last, now);
    }
    peer.member.id = report.id;
    // A stranger knows none of the numbers.
    peer.pulse.note(report.last === peer.received.last, now);
    this.noteAnnounced(peer, now);
    if (report.awaited.some(({ id }) => id !== this.id)) peer.member.awaitedOthersAt = now;
    const lost = this.noteAwaited(peer, report, now);
    for (const receipt of report.receipts) {
      if (receipt.id === this.id) this.handleReceipt(peer, receipt, now);
      else this.noteOthersReceipt(receipt, now);
    }
    if (begins) return ReportResult.BEGINNING;
    return lost >= 0 && after(lost, peer.round.askedBehind)
      ? ReportResult.UNREPAIRABLE
      : ReportResult.HANDLED;
  }

  /** Whether a peer misses what is no longer kept, since the last call. */
  takeEvictedMissing(): boolean {
    const { hasEvictedMissing } = this;
    this.hasEvictedMissing = false;
    return hasEvictedMissing;
  }

  /** What a new request for everything is called; undefined where it has no name because C nodes may be there. */
  drawName(): number | undefined {
    return this.isActive ? 2 + Math.floor(this.chance.fraction() * (2 ** 32 - 2)) : undefined;
  }

  /**
   * What a peer's request for everything is called when it is answered: its name, or its number where it has none. Undefined
   * if it came before: a repair of a request is not another one.
   */
  requestOf({ member }: Peer, sequence: number, from: number, to: number): number | undefined {
    const isNamed = this.isActive && from !== to;
    if (isNamed && member.lastRequest === to) return undefined;
    member.lastRequest = isNamed ? to : 0;
    return isNamed ? to : sequence;
  }

  /** Writes the report that is due. Returns whether one was. */
  write(out: Collector, now: number): boolean {
    if (!this.isReady) return false;
    this.isReady = false;
    const states = this.parts.peers.states();
    const { upcoming } = this;
    const receipts: Receipt[] = [];
    let misses = false;
    for (const peer of states) {
      const { member, window } = peer;
      if (member.id < 0 || now - peer.heardAt >= LATE_MS) continue;
      this.acceptTail(peer);
      const lacks = member.lacks(now);
      misses ||= lacks;
      if (!window.isOpen && !lacks && !member.awaitsUs) continue;
      const { from, runs } = member.missing;
      receipts.push({ id: member.id, from, last: peer.received.last, runs });
      member.noteAsked();
      if (window.isOpen) window.close(peer.received.last);
    }
    const awaited = this.repairs.awaited(states, upcoming);
    writeReport(out, { id: this.id, last: previous(upcoming), awaited, receipts });
    const isAwaiting = now < this.lossyUntil && awaited.length > 0;
    this.schedule.noteSent(misses || isAwaiting, this.membership.size, now);
    this.drawWindow();
    return true;
  }

  private get upcoming(): number {
    return this.parts.sequences.next;
  }

  /** Who sent a report: a node that came back on another link keeps its series. */
  private peerOf(id: number, sender: number, from: Peer, now: number): Peer {
    if (from.member.id === id) return from;
    for (const peer of this.parts.peers.states()) {
      if (peer === from || peer.member.id !== id) continue;
      this.parts.peers.rename(sender, peer, now);
      peer.sender = sender;
      peer.presence.note(now);
      if (!this.parts.peers.states().has(from)) this.parts.retransmission.removePeer(from);
      return peer;
    }
    return from;
  }

  /** Whether the numbers that were received are of the series of the report. */
  private follows({ received }: Peer, { id, last }: Report): boolean {
    if (last === previous(id)) return true;
    if (received.isEmpty) return false;
    return span(id, received.last) <= span(id, last) + SERIES_SPAN;
  }

  /** The peer has begun another series, and nothing of it came: follows it behind what was sent until now. */
  private adopt(peer: Peer, last: number, now: number): void {
    peer.restart(last, now);
    peer.pulse.begin(true, now);
    peer.accept(last, this.parts.sequences.next);
    peer.window.start(next(last));
    peer.member.start(next(last), now);
    this.parts.retransmission.handleRestart(peer);
  }

  /**
   * What the peer awaits of us, and whether it has sent what did not come. Returns the last number that did not come and that it did
   * not keep for us, -1 if there is none.
   */
  private noteAwaited(peer: Peer, { awaited, last }: Report, now: number): number {
    const { member, received } = peer;
    const own = awaited.find(({ id }) => id === this.id);
    const hasKept = member.keepsForUs;
    member.keepsForUs = own !== undefined;
    const forgotten = own === undefined ? -1 : this.noteOldest(peer, own.oldest, last);
    if (!received.isEmpty && after(last, received.last)) {
      if (member.tail < 0 || after(last, member.tail)) member.tail = last;
      this.schedule.noteMissing(this.membership.size, now);
    }
    return hasKept ? -1 : forgotten;
  }

  /** The peer awaits nothing of us before this number: what is missing before it came under another one, if it was kept for us. */
  private noteOldest(peer: Peer, oldest: number, last: number): number {
    const { member, received } = peer;
    member.awaitsUs = !after(oldest, last);
    let forgotten = member.forgetBefore(oldest);
    if (before(received.last, previous(oldest))) {
      forgotten = previous(oldest);
      this.skipTo(peer, forgotten);
    }
    if (!member.awaitsUs && peer.window.isOpen && !after(received.last, last))
      peer.window.close(received.last);
    return forgotten;
  }

  /** The last messages of a peer did not come, and nothing after them: only its report shows that. */
  private acceptTail(peer: Peer): void {
    const { member, received } = peer;
    const { tail } = member;
    member.tail = -1;
    if (tail < 0 || !after(tail, received.last)) return;
    member.missing.add(received.expected, tail);
    this.skipTo(peer, tail);
  }

  private skipTo(peer: Peer, last: number): void {
    if (peer.window.isOpen) peer.window.close(peer.received.last);
    peer.accept(last, this.parts.sequences.next);
  }

  private handleReceipt(peer: Peer, receipt: Receipt, now: number): void {
    const { sequences, flowControl, counters } = this.parts;
    if (!sequences.wasTaken(receipt.last)) {
      counters.unfoundedAcks++;
      return;
    }
    flowControl.acknowledge(receipt.last);
    this.parts.retransmission.takeBack(peer);
    this.noteDelay(peer, receipt, now);
    if (receipt.runs.length > 0) this.lossyUntil = now + LOSSY_MS;
    this.noteEvicted(peer, receipt);
    this.repairs.handleReceipt(peer, receipt, this.membership.size, now);
    if (receipt.runs.length > 0) this.schedule.noteReceived(now);
  }

  /** What was sent is measured if nothing behind it is missing: a repair would not tell how long a message takes. */
  private noteDelay(peer: Peer, { from, last, runs }: Receipt, now: number): void {
    const { ackProbe, ackDelays } = this.parts;
    const since = runs.length === 0 ? from : next(runs.at(-1)!.to);
    if (after(since, last)) return;
    const delayMs = ackProbe.noteAck(peer, since, last, now);
    if (delayMs >= 0) ackDelays.record(delayMs, now);
  }

  /** Whether the peer misses what is no longer kept. What is behind the receipt, the next one shows. */
  private noteEvicted(peer: Peer, { runs, last }: Receipt): void {
    const { retransmission } = this.parts;
    if (runs.some(({ from, to }) => retransmission.hasEvicted(peer, from, to))) this.hasEvictedMissing = true;
    retransmission.noteHeardOfEvicted(peer, last);
  }

  /** A repair that another one asked for comes to us as well. */
  private noteOthersReceipt({ id, runs, last }: Receipt, now: number): void {
    if (runs.length === 0) return;
    const states = [...this.parts.peers.states()];
    const peer = states.find(({ member }) => member.id === id);
    if (peer === undefined || !peer.member.hasUnasked) return;
    peer.member.noteOthersAsk(runs, last);
    if (!states.some(({ member }) => member.hasUnasked))
      this.schedule.noteOthersAsked(this.membership.size, now);
  }

  /** Reports of the peers are to come one after the other, not all at the same message. */
  private drawWindow(): void {
    this.windowSize = this.ackWindowSize * (1 + Math.floor(this.chance.fraction() * this.membership.size));
  }

  /** A peer that does not understand reports is there: says as C does what was reported. */
  private acknowledgeAsC(peer: Peer): void {
    const { received, member } = peer;
    if (member.id < 0 || received.isEmpty) return;
    let { from } = member.missing;
    for (const run of member.missing.runs) {
      if (before(from, run.from)) this.parts.outbox.enqueueControl(Flag.ACK, from, previous(run.from));
      this.parts.outbox.enqueueControl(Flag.NACK, run.from, run.to);
      from = next(run.to);
    }
    if (!after(from, received.last)) this.parts.outbox.enqueueControl(Flag.ACK, from, received.last);
  }
}

import { Item } from '../../flow/item.ts';
import type { Collector } from '../../wire/collector.ts';
import { DIGEST_FLAGS, Flag, GROUP_FLAGS } from '../../wire/header.ts';
import type { BulkSchedule } from '../bulk-schedule.ts';
import type { Outbox } from '../outbox.ts';
import { writeControl, writeRange, writeRecord } from '../record-message.ts';
import type { SequenceSource } from '../sequence.ts';
import type { AckProbe } from './ack/ack-probe.ts';
import type { Group } from './group/group.ts';
import type { Hello } from './hello.ts';
import type { ResyncRounds } from './resync-rounds.ts';
import type { Retransmission } from './retransmission.ts';

/** The parts that it writes from, and those that follow what was sent. */
export interface TransmissionParts {
  readonly outbox: Outbox;
  readonly sequences: SequenceSource;
  readonly hello: Hello;
  readonly retransmission: Retransmission;
  readonly rounds: ResyncRounds;
  readonly bulks: BulkSchedule;
  readonly ackProbe: AckProbe;
  readonly group: Group;
}

/** Writes messages, each under the next number, and keeps what is to be acknowledged. */
export class Transmission {
  private readonly parts: TransmissionParts;

  private readonly healsItself: boolean;

  /** @param healsItself whether the node asks for everything by itself where it may lack something */
  constructor(parts: TransmissionParts, healsItself: boolean) {
    this.parts = parts;
    this.healsItself = healsItself;
  }

  /** Writes the control message of this node. */
  sendControl(out: Collector, node: number): void {
    const { queues } = this.parts.outbox;
    const flags = queues.flagsOf(node);
    const sequence = this.parts.sequences.take();
    const hello = this.parts.hello.takeFlags();
    if (flags === Flag.ALIVE) {
      writeControl(out, (this.parts.group.announces ? GROUP_FLAGS : flags) | hello, sequence);
      queues.remove(node);
      return;
    }
    // If what a peer misses of an answer cannot be sent again, its end counts as a C node's does.
    const repairs = (flags & Flag.ANSWERED) === 0 || this.parts.retransmission.keepsBulk;
    const own = flags & Flag.ACK && repairs ? Flag.TELLS_ANSWERED : 0;
    writeRange(out, flags | own | hello, sequence, queues.fromOf(node), queues.toOf(node));
    if (flags === Flag.RESYNC) this.parts.rounds.noteSent(sequence, (hello & Flag.HELLO) === 0);
    this.keep(node, sequence);
  }

  /** Writes the record of this node. */
  sendRecord(out: Collector, node: number, now: number): void {
    const { outbox } = this.parts;
    const { queues } = outbox;
    const item = queues.recordItemOf(node);
    const sequence = this.parts.sequences.take();
    const flags = this.parts.hello.takeFlags();
    writeRecord(out, item, outbox.cacheOf(item), queues.slotOf(node), flags, sequence);
    this.keep(node, sequence);
    this.parts.ackProbe.noteSent(sequence, now);
    this.parts.bulks.noteRecordSent(!queues.hasRecords);
  }

  /** Says what we have. If it is lost, the next one does as well. */
  sendDigest(out: Collector): void {
    const { sum, count } = this.parts.outbox.cacheOf(Item.FLOW).digest;
    writeRange(out, DIGEST_FLAGS | this.parts.hello.takeFlags(), this.parts.sequences.take(), sum, count);
  }

  /** If a NACK leaves the full resend queue for it and was lost, what that asked for never comes. */
  private keep(node: number, sequence: number): void {
    const { retransmission, rounds } = this.parts;
    if (!retransmission.keep(node, sequence) && this.healsItself) rounds.ask();
  }
}

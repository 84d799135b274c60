import { Change } from '../../flow/change.ts';
import {
  align4,
  messageFlags,
  messagePort,
  messageType,
  NLM_F_CREATE,
  NLM_F_EXCL,
  wholeMessage,
} from '../../system/netlink.ts';
import { CtnetlinkMessage, Subsystem } from '../codec/ctnetlink-numbers.ts';
import { MALFORMED, type Transcoder } from '../codec/transcode.ts';
import type { KernelCounters, KernelSink } from '../kernel.ts';
import type { MalformedMessages } from './malformed-messages.ts';
import type { Origins } from './origins.ts';

/** Converts ctnetlink event messages to changes of records. */
export class EventMessages {
  private readonly transcoder: Transcoder;
  private readonly counters: KernelCounters;
  private readonly origins: Origins;
  private readonly malformed: MalformedMessages;

  constructor(
    transcoder: Transcoder,
    counters: KernelCounters,
    origins: Origins,
    malformed: MalformedMessages,
  ) {
    this.transcoder = transcoder;
    this.counters = counters;
    this.origins = origins;
    this.malformed = malformed;
  }

  /** Passes the events of one datagram, `bytes[start, end)`, to `sink`. */
  take(bytes: Uint8Array, start: number, end: number, sink: KernelSink): void {
    for (let at = start; at < end; ) {
      const length = wholeMessage(bytes, at, end);
      if (length < 0) {
        this.malformed.countCut(end - at);
        return;
      }
      this.event(bytes, at, at + length, sink);
      at += align4(length);
    }
  }

  private event(bytes: Uint8Array, at: number, end: number, sink: KernelSink): void {
    const type = messageType(bytes, at);
    const subsystem = type >>> 8;
    let change: Change;
    if ((type & 0xff) === CtnetlinkMessage.NEW) {
      change = (messageFlags(bytes, at) & (NLM_F_CREATE | NLM_F_EXCL)) !== 0 ? Change.NEW : Change.UPDATE;
    } else if ((type & 0xff) === CtnetlinkMessage.DELETE) {
      change = Change.DESTROY;
    } else {
      this.counters.unknownEvents++;
      return;
    }
    const origin = this.origins.of(messagePort(bytes, at));
    if (subsystem === Subsystem.FLOW) {
      const length = this.transcoder.flow(bytes, at, end);
      if (length < 0) {
        if (length === MALFORMED) this.malformed.count('flow', bytes, at, end);
        return;
      }
      sink.flow(change, origin, this.transcoder.record, length);
      if (change !== Change.DESTROY) return;
      this.transcoder.traffic(bytes, sink);
      this.transcoder.times(bytes, sink);
    } else if (subsystem === Subsystem.EXPECTATION) {
      const length = this.transcoder.expectation(bytes, at, end);
      if (length < 0) this.malformed.count('expectation', bytes, at, end);
      else sink.expectation(change, origin, this.transcoder.record, length);
    } else {
      this.counters.unknownEvents++;
    }
  }
}

import { readU16, readU32 } from '../../bytes/integers.ts';
import { Status } from '../../flow/status.ts';
import { expectationTextWithTimeout, flowTextWithTimeout } from '../../flow/text.ts';
import { Attr, TLV_HEADER } from '../../wire/attribute.ts';
import { decodeExpectation, decodeFlow } from '../../wire/decode.ts';
import { findAttribute } from '../../wire/record.ts';
import { EXPECTATION_KIND, FLOW_KIND, type RecordKind } from './record-kind.ts';

/** What is committed one after the other. */
export const Pass = {
  /** Connections that are open: only these can break when packets come before their flow is committed. */
  OPEN: 0,
  /** Flows without an answer so far, which a repeated packet creates again, and TCP connections that close. */
  BRIEF: 1,
  /** Flows with a master, after their masters. */
  EXPECTED: 2,
} as const;
export type Pass = (typeof Pass)[keyof typeof Pass];
export const PASSES = 3;

/** `TCP_CONNTRACK_ESTABLISHED` in the kernel's `nf_conntrack_tcp.h`; those above it close, those below it open. */
const TCP_ESTABLISHED = 3;

/** What decides how a record is committed. */
export interface Examined {
  /** The earliest pass that may commit the record. */
  pass: Pass;
  /** Offset of the TIMEOUT attribute, or -1. */
  timeoutAt: number;
}

/** How one kind of record is committed. */
export interface CommitKind extends RecordKind {
  /** Writes to `to` what decides how the record is committed. */
  examine(bytes: Uint8Array, start: number, end: number, to: Examined): void;
  text(bytes: Uint8Array, start: number, end: number): string;
}

/** One walk over the attributes, which are in the order of a canonical record: TIMEOUT comes before the master. */
function examineFlow(bytes: Uint8Array, start: number, end: number, to: Examined): void {
  to.pass = Pass.OPEN;
  to.timeoutAt = -1;
  for (let at = start; at < end; at += (readU16(bytes, at) + 3) & ~3) {
    switch (readU16(bytes, at + 2)) {
      case Attr.TCP_STATE:
        if (bytes[at + TLV_HEADER] !== TCP_ESTABLISHED) to.pass = Pass.BRIEF;
        break;
      case Attr.STATUS:
        if ((readU32(bytes, at + TLV_HEADER) & Status.SEEN_REPLY) === 0) to.pass = Pass.BRIEF;
        break;
      case Attr.TIMEOUT:
        to.timeoutAt = at;
        break;
      case Attr.MASTER_L4PROTO:
        to.pass = Pass.EXPECTED;
        return;
    }
  }
}

function examineExpectation(bytes: Uint8Array, start: number, end: number, to: Examined): void {
  to.pass = Pass.OPEN;
  to.timeoutAt = findAttribute(bytes, start, end, EXPECTATION_KIND.timeout);
}

export const FLOWS: CommitKind = {
  ...FLOW_KIND,
  examine: examineFlow,
  text: (bytes, start, end) => flowTextWithTimeout(decodeFlow(bytes, start, end)),
};

export const EXPECTATIONS: CommitKind = {
  ...EXPECTATION_KIND,
  examine: examineExpectation,
  text: (bytes, start, end) => expectationTextWithTimeout(decodeExpectation(bytes, start, end)),
};

/** Converts ctnetlink's messages about flows and expectations to canonical records. */

import { readU32 } from '../../bytes/integers.ts';
import { sendsPorts } from '../../flow/protocol.ts';
import { findAttributes, HEADERS } from '../../system/netlink.ts';
import { HELPER_NAME_MAX } from '../../wire/attribute.ts';
import { ExpAttr, FN_NAME_MAX } from '../../wire/expectation-attributes.ts';
import { CTA_EXPECT_COUNT, CtaExpect, CtaExpectNat } from './ctnetlink-numbers.ts';
import { FlowTranscoder, MALFORMED } from './flow-transcoder.ts';
import { findPart, fits, partAt, partSize } from './nested-attributes.ts';
import { byteAt, readTuple, TupleOffsets } from './tuple-reader.ts';

export { MALFORMED, REFUSED } from './flow-transcoder.ts';

const expectAt = new Int32Array(CTA_EXPECT_COUNT);
const expectSize = new Int32Array(CTA_EXPECT_COUNT);
const tuple = new TupleOffsets();

/** Converts messages about flows and expectations to records. Holds one record at a time, in `record`. */
export class Transcoder extends FlowTranscoder {
  /** Like `flow`, for an expectation message. */
  expectation(bytes: Uint8Array, start: number, end: number): number {
    if (end - start < HEADERS) return MALFORMED;
    this.begin(bytes, start);
    this.wholeTemplate = undefined;
    if (!findAttributes(this.words, start + HEADERS, end, expectAt, expectSize)) return MALFORMED;
    if (
      !fits(expectAt, expectSize, CtaExpect.TIMEOUT, 4) ||
      !fits(expectAt, expectSize, CtaExpect.FLAGS, 4)
    ) {
      return MALFORMED;
    }
    if (!fits(expectAt, expectSize, CtaExpect.CLASS, 4)) return MALFORMED;
    if (!this.expectationTuple(bytes, CtaExpect.MASTER, ExpAttr.MASTER_IPV4)) return MALFORMED;
    if (!this.expectationTuple(bytes, CtaExpect.TUPLE, ExpAttr.EXPECT_IPV4)) return MALFORMED;
    if (!this.expectationTuple(bytes, CtaExpect.MASK, ExpAttr.MASK_IPV4)) return MALFORMED;
    const timeout = expectAt[CtaExpect.TIMEOUT]!;
    const flags = expectAt[CtaExpect.FLAGS]!;
    const policy = expectAt[CtaExpect.CLASS]!;
    if (this.timeout && timeout !== 0) this.copy(ExpAttr.TIMEOUT, timeout, 4);
    this.u32(ExpAttr.FLAGS, flags === 0 ? 0 : readU32(bytes, flags));
    if (policy !== 0) this.copy(ExpAttr.CLASS, policy, 4);
    if (!this.expectationNat(bytes)) return MALFORMED;
    const helper = expectAt[CtaExpect.HELP_NAME]!;
    if (helper !== 0) {
      const size = expectSize[CtaExpect.HELP_NAME]!;
      if (!this.name(ExpAttr.HELPER_NAME, bytes, helper, size, HELPER_NAME_MAX)) {
        this.counters.helperNamesDropped++;
      }
    }
    const name = expectAt[CtaExpect.FN]!;
    if (name !== 0) this.name(ExpAttr.FN, bytes, name, expectSize[CtaExpect.FN]!, FN_NAME_MAX);
    return this.end;
  }

  /** Writes one of the three tuples; its attributes are `first` (IPv4), then IPv6, L4PROTO and PORT. */
  private expectationTuple(bytes: Uint8Array, type: number, first: number): boolean {
    const at = expectAt[type]!;
    if (at === 0 || !readTuple(this.words, at, at + expectSize[type]!, tuple)) return false;
    if (tuple.protocol === 0 || !this.addresses(first, first + 1, tuple)) return false;
    const protocol = bytes[tuple.protocol]!;
    this.u8(first + 2, protocol);
    if (sendsPorts(protocol)) this.ports(first + 3, bytes, tuple);
    return true;
  }

  private expectationNat(bytes: Uint8Array): boolean {
    if (!findPart(this.words, expectAt, expectSize, CtaExpect.NAT)) return true;
    const tupleAt = partAt[CtaExpectNat.TUPLE]!;
    const direction = partAt[CtaExpectNat.DIR]!;
    if (tupleAt === 0) return true;
    if (direction !== 0 && partSize[CtaExpectNat.DIR]! < 4) return false;
    if (!readTuple(this.words, tupleAt, tupleAt + partSize[CtaExpectNat.TUPLE]!, tuple)) return false;
    if (tuple.source4 !== 0 && tuple.destination4 !== 0) {
      this.pair(ExpAttr.NAT_IPV4, tuple.source4, tuple.destination4, 4);
    }
    const protocol = byteAt(bytes, tuple.protocol);
    this.u8(ExpAttr.NAT_L4PROTO, protocol);
    if (sendsPorts(protocol)) this.ports(ExpAttr.NAT_PORT, bytes, tuple);
    this.u32(ExpAttr.NAT_DIR, direction === 0 ? 0 : readU32(bytes, direction));
    return true;
  }
}

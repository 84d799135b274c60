import { readNativeU16 } from '../../bytes/endian.ts';
import { readI32, readU16 } from '../../bytes/integers.ts';
import { isIcmp } from '../../flow/protocol.ts';
import { Attr } from '../../wire/attribute.ts';
import { ExpAttr } from '../../wire/expectation-attributes.ts';
import { RecordIndex } from '../codec/record-index.ts';
import { tupleHasPorts } from '../codec/request-tuple.ts';

/** The current record. */
const index = new RecordIndex();
const { valueAt } = index;

function mix(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1);
  return h ^ (h >>> 15);
}

/** Hash of one end of a tuple: an address of 4 or 16 bytes, and a port or its equivalent. */
function endHash(bytes: Uint8Array, at: number, size: number, port: number): number {
  let hash = mix(size, port);
  for (let n = 0; n < size; n += 4) hash = mix(hash, readI32(bytes, at + n));
  return hash;
}

/**
 * Hash of a tuple. A tuple and its inverse have the same hash, because the kernel finds the same flow by
 * either.
 */
function tupleHash(protocol: number, one: number, other: number): number {
  return mix(protocol, (one + other) | 0);
}

/** Hash of a master's tuple, from the offsets of its attributes' values. */
function masterHash(bytes: Uint8Array, v4: number, v6: number, l4: number, ports: number): number {
  const size = v6 === 0 ? 4 : 16;
  const source = v6 === 0 ? v4 : v6;
  const protocol = l4 === 0 ? 0 : bytes[l4]!;
  const hasPorts = ports !== 0 && tupleHasPorts(protocol);
  return tupleHash(
    protocol,
    endHash(bytes, source, size, hasPorts ? readU16(bytes, ports) : 0),
    endHash(bytes, source + size, size, hasPorts ? readU16(bytes, ports + 2) : 0),
  );
}

/** How a request relates to the pending ones, as {@link InjectionOrder.placeFlow} determines it. */
export const BatchPlace = {
  /** It is independent of all pending requests. */
  FREE: -1,
  /** It touches what a pending request touches, so it must wait until that one is settled. */
  CONFLICT: -2,
} as const;

const NOBODY = -1;
const REFERENCE = -2;

/**
 * Determines which requests of one batch may influence each other in the kernel, from hashes of their
 * tuples. A request *touches* the tuples that it creates or removes, and *refers to* its master's, which
 * must exist. Two requests that only refer to the same tuple are independent; any other two that share a
 * tuple are not. Tuples with equal hashes, and the same tuple in two zones, count as shared: the only cost
 * is that the batch ends early.
 *
 * - A flow touches its original tuple and its translated reply tuple, and refers to its master's tuple.
 * - An expectation touches the destination that it expects (by which the kernel identifies expectations,
 *   whatever the masks), and its master's tuple (if a master has too many expectations, the kernel removes
 *   the oldest). Expectations and flows never share a batch.
 */
export class InjectionOrder {
  private readonly mask: number;
  private readonly hashes: Int32Array;
  private readonly owners: Int32Array;
  /** An entry is valid only with the current stamp, so clearing is a single increment. */
  private readonly stamps: Uint32Array;
  private stamp = 1;
  private readonly touched = new Int32Array(2);
  private touchedCount = 0;
  private referred = 0;
  private refers = false;

  /** @param requests maximum number of requests added between two calls of {@link clear} */
  constructor(requests: number) {
    const capacity = 1 << (32 - Math.clz32(6 * requests));
    this.mask = capacity - 1;
    this.hashes = new Int32Array(capacity);
    this.owners = new Int32Array(capacity);
    this.stamps = new Uint32Array(capacity);
  }

  clear(): void {
    this.stamp++;
    if (this.stamp > 0xffff_ffff) {
      this.stamps.fill(0);
      this.stamp = 1;
    }
  }

  /**
   * Makes the flow `bytes[start, end)` the current record. Returns a {@link BatchPlace}, or the number of
   * the request whose first tuple has the same hash; that is a conflict too, unless both are about the same
   * flow.
   */
  placeFlow(bytes: Uint8Array, start: number, end: number): number {
    index.take(bytes, start, end);
    const six = valueAt[Attr.IPV6] !== 0;
    const size = six ? 16 : 4;
    const source = valueAt[six ? Attr.IPV6 : Attr.IPV4]!;
    const destination = source + size;
    const protocol = bytes[valueAt[Attr.L4PROTO]!]!;
    let sourcePort = 0;
    let destinationPort = 0;
    if (isIcmp(protocol)) {
      if (valueAt[Attr.ICMP_ID] !== 0) sourcePort = readU16(bytes, valueAt[Attr.ICMP_ID]!);
      destinationPort = sourcePort;
    } else if (tupleHasPorts(protocol)) {
      const ports = valueAt[Attr.PORT]!;
      if (ports !== 0) {
        sourcePort = readU16(bytes, ports);
        destinationPort = readU16(bytes, ports + 2);
      }
    }
    this.touched[0] = tupleHash(
      protocol,
      endHash(bytes, source, size, sourcePort),
      endHash(bytes, destination, size, destinationPort),
    );
    this.touchedCount = 1;

    const sourceNat = valueAt[six ? Attr.SNAT_IPV6 : Attr.SNAT_IPV4]!;
    const destinationNat = valueAt[six ? Attr.DNAT_IPV6 : Attr.DNAT_IPV4]!;
    const sourcePat = isIcmp(protocol) ? 0 : valueAt[Attr.SPAT_PORT]!;
    const destinationPat = isIcmp(protocol) ? 0 : valueAt[Attr.DPAT_PORT]!;
    if (sourceNat !== 0 || destinationNat !== 0 || sourcePat !== 0 || destinationPat !== 0) {
      // Records hold translated ports in the machine's byte order (see `wire/attribute.ts`).
      const reply = tupleHash(
        protocol,
        endHash(
          bytes,
          sourceNat || source,
          size,
          sourcePat === 0 ? sourcePort : readNativeU16(bytes, sourcePat),
        ),
        endHash(
          bytes,
          destinationNat || destination,
          size,
          destinationPat === 0 ? destinationPort : readNativeU16(bytes, destinationPat),
        ),
      );
      this.touch(reply);
    }
    this.refers = valueAt[Attr.MASTER_IPV4] !== 0 || valueAt[Attr.MASTER_IPV6] !== 0;
    if (this.refers) {
      this.referred = masterHash(
        bytes,
        valueAt[Attr.MASTER_IPV4]!,
        valueAt[Attr.MASTER_IPV6]!,
        valueAt[Attr.MASTER_L4PROTO]!,
        valueAt[Attr.MASTER_PORT]!,
      );
    }
    return this.place();
  }

  /** Like {@link placeFlow}, for an expectation. */
  placeExpectation(bytes: Uint8Array, start: number, end: number): number {
    index.take(bytes, start, end);
    const six = valueAt[ExpAttr.EXPECT_IPV6] !== 0;
    const size = six ? 16 : 4;
    const destination = valueAt[six ? ExpAttr.EXPECT_IPV6 : ExpAttr.EXPECT_IPV4]! + size;
    const protocol = bytes[valueAt[ExpAttr.EXPECT_L4PROTO]!]!;
    const ports = tupleHasPorts(protocol) ? valueAt[ExpAttr.EXPECT_PORT]! : 0;
    const port = ports === 0 ? 0 : readU16(bytes, ports + 2);
    this.touched[0] = tupleHash(protocol, endHash(bytes, destination, size, port), 0);
    this.touchedCount = 1;
    this.touch(
      masterHash(
        bytes,
        valueAt[ExpAttr.MASTER_IPV4]!,
        valueAt[ExpAttr.MASTER_IPV6]!,
        valueAt[ExpAttr.MASTER_L4PROTO]!,
        valueAt[ExpAttr.MASTER_PORT]!,
      ),
    );
    this.refers = false;
    return this.place();
  }

  private touch(hash: number): void {
    if (hash !== this.touched[0]) this.touched[this.touchedCount++] = hash;
  }

  private place(): number {
    const owner = this.ownerOf(this.touched[0]!);
    if (owner === REFERENCE) return BatchPlace.CONFLICT;
    for (let n = 1; n < this.touchedCount; n++) {
      const other = this.ownerOf(this.touched[n]!);
      if (other !== NOBODY && other !== owner) return BatchPlace.CONFLICT;
    }
    if (this.refers && this.ownerOf(this.referred) >= 0) return BatchPlace.CONFLICT;
    return owner === NOBODY ? BatchPlace.FREE : owner;
  }

  /** Adds the current record as request `owner`, or as a further request about the same flow as `owner`. */
  add(owner: number): void {
    for (let n = 0; n < this.touchedCount; n++) this.enter(this.touched[n]!, owner);
    if (this.refers) this.enter(this.referred, REFERENCE);
  }

  /** Index of the entry with this hash, or of the free entry where it belongs. */
  private find(hash: number): number {
    let at = hash & this.mask;
    while (this.stamps[at] === this.stamp && this.hashes[at] !== hash) at = (at + 1) & this.mask;
    return at;
  }

  private ownerOf(hash: number): number {
    const at = this.find(hash);
    return this.stamps[at] === this.stamp ? this.owners[at]! : NOBODY;
  }

  private enter(hash: number, owner: number): void {
    const at = this.find(hash);
    if (this.stamps[at] === this.stamp) return;
    this.stamps[at] = this.stamp;
    this.hashes[at] = hash;
    this.owners[at] = owner;
  }
}

import { LITTLE_ENDIAN } from '../../bytes/endian.ts';
import { readU16, readU32, writeU16, writeU32 } from '../../bytes/integers.ts';
import { DEFAULT_TIMEOUTS, offloadedTimeout, TCP_ESTABLISHED } from '../../flow/offloaded.ts';
import { Protocol } from '../../flow/protocol.ts';
import { NAT_MASK, Status } from '../../flow/status.ts';
import { Attr, RECORD_MAX, TLV_HEADER } from '../../wire/attribute.ts';
import { HEADER_SIZE, lengthOf, MessageType, typeOf } from '../../wire/header.ts';
import { canonicalise, FLOW_FORMAT, findAttribute } from '../../wire/record.ts';
import { NEWEST_OLD_VERSION, type PeerVersion, peerVersion } from './peer-version.ts';

export interface DialectOptions {
  /** The peers' version; undefined: 1.4.7 or later, unless the wire shows an older one. */
  readonly version: PeerVersion | undefined;
  /** False: labels of the peers are not taken. (Ours are left out where the kernel's messages become records.) */
  readonly labels: boolean;
}

export const PLAIN_DIALECT: DialectOptions = { version: undefined, labels: true };

export interface DialectCounters {
  /** Translated IPv4 addresses that make sense in network byte order alone. */
  natInOrder: number;
  /** Translated IPv4 addresses that make sense with their bytes reversed alone. */
  natReversed: number;
  /** Messages about TCP, SCTP and DCCP without ports, as 1.4.6 and older send them: it is not known which flow they mean. */
  withoutPorts: number;
  /** Messages with a zone sent to a peer that takes them for malformed. */
  zonesUnknown: number;
}

/** So many TCP, SCTP and DCCP messages without ports show an old peer: a few may have been damaged on their way. */
const WITHOUT_PORTS_MIN = 5;
/** So many reversed addresses, and none in order, show an old peer. */
const REVERSED_MIN = 3;

const NOT_CHANGED = -1;

/** Size in bytes of the attributes STATUS and L4PROTO. */
const STATUS_AND_PROTOCOL = 16;

/** Room for the attributes that are added to a record: TCP_STATE, TIMEOUT. */
const ADDED_MAX = 16;

const DATAGRAM_MAX = 65_536;

/**
 * Converts between the messages of the peers and those of conntrackd 1.4.7 and later, in both directions: between nodes of one
 * version it changes nothing.
 */
export class Dialect {
  readonly counters: DialectCounters = { natInOrder: 0, natReversed: 0, withoutPorts: 0, zonesUnknown: 0 };
  /** The record that {@link receiveFlow} has changed. */
  readonly record = new Uint8Array(RECORD_MAX + ADDED_MAX);
  /** The datagram that {@link writeDatagram} has written. */
  readonly datagram = new Uint8Array(DATAGRAM_MAX);
  private readonly scratch = new Uint8Array(RECORD_MAX + ADDED_MAX);
  private readonly options: DialectOptions;
  private current: PeerVersion | undefined;
  private recognised = false;
  private seesOld = false;

  constructor(options: DialectOptions) {
    this.options = options;
    this.current = options.version;
  }

  /** The peers' version as far as it is set or recognised. */
  get version(): PeerVersion | undefined {
    return this.current;
  }

  /** Whether the version was recognised on the wire. */
  get isRecognised(): boolean {
    return this.recognised;
  }

  /** Whether what is sent has to be changed. */
  get changesDatagrams(): boolean {
    return this.current?.isOld === true;
  }

  /** Returns once that the wire has shown an old peer: what was sent and received until now was misunderstood. */
  takeRecognition(): boolean {
    if (!this.seesOld || this.current !== undefined) return false;
    this.current = peerVersion(NEWEST_OLD_VERSION);
    this.recognised = true;
    return true;
  }

  /**
   * Takes the received canonical flow `bytes[start, end)`. Returns the size of what it means, which {@link record} then
   * holds, or a negative number if it is right as it is.
   */
  receiveFlow(bytes: Uint8Array, start: number, end: number): number {
    if (this.isPlain(bytes, start, end)) return NOT_CHANGED;
    let source = -1;
    let destination = -1;
    let hasLabels = false;
    let hasPorts = false;
    let isOffloaded = false;
    let protocol = 0;
    for (let at = start; at < end; at += (readU16(bytes, at) + 3) & ~3) {
      switch (readU16(bytes, at + 2)) {
        case Attr.STATUS:
          isOffloaded = (readU32(bytes, at + TLV_HEADER) & Status.OFFLOAD) !== 0;
          break;
        case Attr.L4PROTO:
          protocol = bytes[at + TLV_HEADER]!;
          break;
        case Attr.PORT:
          hasPorts = true;
          break;
        case Attr.SNAT_IPV4:
          source = at - start;
          break;
        case Attr.DNAT_IPV4:
          destination = at - start;
          break;
        case Attr.LABELS:
          hasLabels = true;
          break;
      }
    }
    if (!hasPorts && losesPorts(protocol)) {
      this.counters.withoutPorts++;
      if (this.counters.withoutPorts >= WITHOUT_PORTS_MIN) this.seesOld = true;
    }
    if (source >= 0) this.weigh(bytes, start + source + TLV_HEADER);
    if (destination >= 0) this.weigh(bytes, start + destination + TLV_HEADER);
    const isReversed = this.current?.isOld === true && (source >= 0 || destination >= 0);
    const dropsLabels = hasLabels && !this.options.labels;
    if (!isReversed && !dropsLabels && !isOffloaded) return NOT_CHANGED;

    const { record } = this;
    record.set(bytes.subarray(start, end));
    if (isReversed && source >= 0) reverse(record, source + TLV_HEADER);
    if (isReversed && destination >= 0) reverse(record, destination + TLV_HEADER);
    let size = end - start;
    if (dropsLabels) size = this.drop(Attr.LABELS, size);
    return isOffloaded ? this.completeOffloaded(protocol, size) : size;
  }

  /**
   * Writes the datagram `bytes[0, length)` for a peer of this version to {@link datagram}, and returns its size: never more.
   */
  writeDatagram(bytes: Uint8Array, length: number): number {
    const out = this.datagram;
    let to = 0;
    for (let at = 0; at < length; at += lengthOf(bytes, at)) {
      const size = lengthOf(bytes, at);
      for (let n = 0; n < size; n++) out[to + n] = bytes[at + n]!;
      to += typeOf(bytes, at) <= MessageType.CT_DEL ? this.adaptMessage(to, size) : size;
    }
    return to;
  }

  /** Changes the message of `size` bytes about a flow at `at` of the datagram; returns its new size. */
  private adaptMessage(at: number, size: number): number {
    const out = this.datagram;
    const end = at + size;
    let to = at + HEADER_SIZE;
    for (let from = to; from < end; ) {
      const type = readU16(out, from + 2);
      const attribute = (readU16(out, from) + 3) & ~3;
      if (type === Attr.SNAT_IPV4 || type === Attr.DNAT_IPV4) reverse(out, from + TLV_HEADER);
      if (type === Attr.ZONE) this.counters.zonesUnknown++;
      if (type !== Attr.SYNPROXY || this.current?.knowsSynproxy) {
        out.copyWithin(to, from, from + attribute);
        to += attribute;
      }
      from += attribute;
    }
    writeU16(out, at + 2, to - at);
    return to - at;
  }

  /**
   * Returns whether the first attributes show that there is nothing to change or to learn: the addresses, STATUS, L4PROTO and
   * PORT, in this order, of a flow that is neither in a flow table nor, where that counts, translated.
   */
  private isPlain(bytes: Uint8Array, start: number, end: number): boolean {
    const status = start + ((readU16(bytes, start) + 3) & ~3);
    const port = status + STATUS_AND_PROTOCOL;
    if (port + TLV_HEADER > end || !this.options.labels || readU16(bytes, status + 2) !== Attr.STATUS)
      return false;
    return (
      readU16(bytes, port + 2) === Attr.PORT && (readU32(bytes, status + TLV_HEADER) & this.telling) === 0
    );
  }

  /** The bits of STATUS of the flows that have to be looked at. */
  private get telling(): number {
    const { current } = this;
    const isSettled = current === undefined ? this.counters.natInOrder > 0 : !current.isOld;
    return isSettled ? Status.OFFLOAD : Status.OFFLOAD | NAT_MASK;
  }

  /** Notes in which byte order an address makes sense. */
  private weigh(bytes: Uint8Array, at: number): void {
    const isPlausible = canBeAddress(bytes[at]!);
    if (isPlausible === canBeAddress(bytes[at + 3]!)) return;
    if (isPlausible) this.counters.natInOrder++;
    else this.counters.natReversed++;
    if (this.counters.natReversed >= REVERSED_MIN && this.counters.natInOrder === 0) this.seesOld = true;
  }

  /** Takes an attribute out of {@link record}. */
  private drop(type: number, size: number): number {
    const { record } = this;
    const at = findAttribute(record, 0, size, type);
    const after = at + ((readU16(record, at) + 3) & ~3);
    record.copyWithin(at, after, size);
    return size - (after - at);
  }

  /** Adds to {@link record} what the kernel does not tell of a flow in a flow table, where it is missing. */
  private completeOffloaded(protocol: number, size: number): number {
    const { record, scratch } = this;
    let end = size;
    if (protocol === Protocol.TCP && findAttribute(record, 0, size, Attr.TCP_STATE) < 0) {
      writeU32(record, end, ((TLV_HEADER + 1) << 16) | Attr.TCP_STATE);
      writeU32(record, end + TLV_HEADER, TCP_ESTABLISHED << 24);
      end += 8;
    }
    if (findAttribute(record, 0, size, Attr.TIMEOUT) < 0) {
      writeU32(record, end, ((TLV_HEADER + 4) << 16) | Attr.TIMEOUT);
      writeU32(record, end + TLV_HEADER, offloadedTimeout(protocol, DEFAULT_TIMEOUTS));
      end += 8;
    }
    if (end === size) return size;
    scratch.set(record.subarray(0, end));
    return canonicalise(FLOW_FORMAT, scratch, 0, end, record, 0);
  }
}

/** Protocols whose messages lack the ports in 1.4.6 and older, where the state is missing. */
function losesPorts(protocol: number): boolean {
  return protocol === Protocol.TCP || protocol === Protocol.SCTP || protocol === Protocol.DCCP;
}

/** False for the first octets of the networks 0.0.0.0/8 and 240.0.0.0/4, to which nothing is translated. */
function canBeAddress(octet: number): boolean {
  return octet > 0 && octet < 240;
}

/** Swaps the four bytes of an address, as ntohl does on a little-endian machine. */
function reverse(bytes: Uint8Array, at: number): void {
  if (!LITTLE_ENDIAN) return;
  for (let low = at, high = at + 3; low < high; low++, high--) {
    const byte = bytes[low]!;
    bytes[low] = bytes[high]!;
    bytes[high] = byte;
  }
}

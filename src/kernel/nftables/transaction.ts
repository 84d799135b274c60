import { networkWord } from '../../bytes/endian.ts';
import { NetlinkWriter, NLM_F_ACK, NLM_F_REQUEST } from '../../system/netlink.ts';
import { BATCH_BEGIN, BATCH_END, NFPROTO_INET, NFPROTO_UNSPEC, NFTABLES } from './nftables-numbers.ts';

/**
 * Changes of nf_tables that the kernel makes all at once or not at all: messages between a begin and an end. The begin
 * has the sequence number `first`, each message the next one.
 */
export class Transaction {
  readonly writer: NetlinkWriter;
  readonly first: number;
  private sequence: number;

  /** @param size room for all messages in bytes */
  constructor(first: number, size: number) {
    this.first = first;
    this.sequence = first;
    this.writer = new NetlinkWriter(size);
    this.bound(BATCH_BEGIN);
  }

  /** Adds a message of the family inet, whose attributes `write` writes. */
  add(message: number, flags: number, write: (writer: NetlinkWriter) => void): void {
    const { writer } = this;
    const all = NLM_F_REQUEST | NLM_F_ACK | flags;
    const began = writer.message(NFTABLES, message, all, ++this.sequence, NFPROTO_INET);
    write(writer);
    writer.endMessage(began);
  }

  /** Sequence number of the last message. */
  get last(): number {
    return this.sequence;
  }

  /** Ends it; its bytes are then `writer.bytes[0, writer.at)`. */
  end(): void {
    this.sequence++;
    this.bound(BATCH_END);
    this.sequence--;
  }

  private bound(message: number): void {
    const { writer } = this;
    const began = writer.message(0, message, NLM_F_REQUEST, this.sequence, NFPROTO_UNSPEC);
    // The resource of nfgenmsg names the subsystem of the batch.
    writer.words[(began >> 2) + 4] = networkWord(NFTABLES);
    writer.endMessage(began);
  }
}

const utf8 = new TextEncoder();

/** Writes a string attribute with its NUL. */
export function writeText(writer: NetlinkWriter, type: number, text: string): void {
  const bytes = utf8.encode(`${text}\0`);
  writer.copy(type, bytes, 0, bytes.length);
}

/** Writes bytes as an attribute. */
export function writeBytes(writer: NetlinkWriter, type: number, bytes: Uint8Array): void {
  writer.copy(type, bytes, 0, bytes.length);
}

/** Writes a 64-bit number in network byte order. @param value a whole number from 0 to 2^53 - 1 */
export function writeU64(writer: NetlinkWriter, type: number, value: number): void {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  writeBytes(writer, type, bytes);
}

/** Writes an attribute that holds attributes. */
export function writeNest(writer: NetlinkWriter, type: number, write: () => void): void {
  const began = writer.nest(type);
  write();
  writer.endNest(began);
}

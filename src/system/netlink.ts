/**
 * Netlink messages as bytes: headers and attributes. What the numbers in them mean is the protocols' matter.
 *
 * A message is a header of 16 bytes in this machine's byte order (length u32, type u16, flags u16, sequence u32, port
 * u32); netfilter's messages have 4 more (family u8, version u8, resource u16). Attributes follow: length (u16, its own
 * 4 bytes included, padding excluded), type (u16, two flags in its top bits), value, padding to 4 bytes.
 * Source: `linux/netlink.h`, `linux/netfilter/nfnetlink.h`, netlink(7).
 */

import {
  LITTLE_ENDIAN,
  networkWord,
  readNativeI32,
  readNativeU16,
  readNativeU32,
  writeNativeU16,
} from '../bytes/endian.ts';
import { alignedWordsOf, WordsCache } from '../bytes/words.ts';

/** Level of netlink's socket options, and the options. */
export const SOL_NETLINK = 270;
export const NETLINK_ADD_MEMBERSHIP = 1;
export const NETLINK_DROP_MEMBERSHIP = 2;
export const NETLINK_BROADCAST_ERROR = 4;
export const NETLINK_NO_ENOBUFS = 5;
export const NETLINK_CAP_ACK = 10;

export const MESSAGE_HEADER = 16;
/** Message header and netfilter's header, `struct nfgenmsg`. */
export const HEADERS = 20;
export const ATTRIBUTE_HEADER = 4;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

const NLA_F_NESTED = 0x8000;
/** Without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const NLA_TYPE_MASK = 0x3fff;

export function messageLength(bytes: Uint8Array, at: number): number {
  return readNativeU32(bytes, at);
}

export function messageType(bytes: Uint8Array, at: number): number {
  return readNativeU16(bytes, at + 4);
}

export function messageFlags(bytes: Uint8Array, at: number): number {
  return readNativeU16(bytes, at + 6);
}

/** Takes a flag from the message at `at`. */
export function clearFlag(bytes: Uint8Array, at: number, flag: number): void {
  writeNativeU16(bytes, at + 6, messageFlags(bytes, at) & ~flag);
}

export function messageSequence(bytes: Uint8Array, at: number): number {
  return readNativeU32(bytes, at + 8);
}

/** The netlink port whose request caused the message; 0 for the kernel's own doing. */
export function messagePort(bytes: Uint8Array, at: number): number {
  return readNativeU32(bytes, at + 12);
}

/**
 * Passes each netlink message in `bytes[0, length)`, host byte order, to `take`: its type, and where it begins and ends.
 * @returns false if the rest is no whole message, or as soon as `take` returns false
 */
export function walkMessages(
  bytes: Uint8Array,
  length: number,
  take: (type: number, at: number, end: number) => boolean,
): boolean {
  let at = 0;
  while (length - at >= MESSAGE_HEADER) {
    const size = wholeMessage(bytes, at, length);
    if (size < 0 || !take(messageType(bytes, at), at, at + size)) return false;
    at += align4(size);
  }
  return at >= length;
}

/** Length of the message at `at` if a whole one lies in `bytes[at, end)`, else -1. */
export function wholeMessage(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < MESSAGE_HEADER) return -1;
  const length = messageLength(bytes, at);
  return length < MESSAGE_HEADER || length > end - at ? -1 : length;
}

/** Positive errno of an NLMSG_ERROR, or of an NLMSG_DONE; 0 for an acknowledgement. -1 if it is too short. */
export function messageErrno(bytes: Uint8Array, at: number): number {
  if (messageLength(bytes, at) < MESSAGE_HEADER + 4) {
    return messageType(bytes, at) === NLMSG_DONE ? 0 : -1;
  }
  return -readNativeI32(bytes, at + MESSAGE_HEADER);
}

/** Length of an attribute, from its first word: its header included, padding excluded. */
export function headerLength(header: number): number {
  return LITTLE_ENDIAN ? header & 0xffff : header >>> 16;
}

/** Type of an attribute, from its first word; the two flags in it are masked off. */
export function headerType(header: number): number {
  return (LITTLE_ENDIAN ? header >>> 16 : header) & NLA_TYPE_MASK;
}

export function align4(size: number): number {
  return (size + 3) & ~3;
}

/**
 * Finds the attributes between the byte offsets `start` (a multiple of 4) and `end` of the memory `words`: writes to
 * `at[type]` where the value of that type begins (0: not there) and to `size[type]` its size in bytes. Types that `at` has
 * no room for are skipped. False if what lies there is no attributes.
 */
export function findAttributes(
  words: Int32Array,
  start: number,
  end: number,
  at: Int32Array,
  size: Int32Array,
): boolean {
  // A loop, because a call of fill() costs more than these few words.
  for (let type = 0; type < at.length; type++) at[type] = 0;
  // What is shorter than a header behind the last attribute is padding.
  for (let here = start; end - here >= ATTRIBUTE_HEADER; ) {
    const header = words[here >> 2]!;
    const length = headerLength(header);
    if (length < ATTRIBUTE_HEADER || length > end - here) return false;
    const type = headerType(header);
    if (type < at.length) {
      at[type] = here + ATTRIBUTE_HEADER;
      size[type] = length - ATTRIBUTE_HEADER;
    }
    here += align4(length);
  }
  return true;
}

/** The first word of an attribute: see {@link headerLength} and {@link headerType}. */
function attributeHeader(type: number, length: number): number {
  return LITTLE_ENDIAN ? (type << 16) | length : (length << 16) | type;
}

/**
 * Writes netlink messages one behind the other into one array. The writer trusts that there is room. All that netlink
 * knows begins at a multiple of 4 and is written by words.
 */
export class NetlinkWriter {
  readonly bytes: Uint8Array;
  /** Where the next byte goes: a multiple of 4. */
  at = 0;
  readonly words: Int32Array;
  private readonly wordsCache: WordsCache;

  /**
   * @param room how many bytes the messages may take, or the bytes themselves, which begin at a multiple of 4
   * @param fastPaths false: values are copied byte by byte
   */
  constructor(room: number | Uint8Array, fastPaths = true) {
    this.wordsCache = new WordsCache(fastPaths);
    this.bytes = typeof room === 'number' ? new Uint8Array(new ArrayBuffer(align4(room))) : room;
    this.words = alignedWordsOf(this.bytes);
  }

  /** Begins a message; returns where, for `endMessage`. */
  message(subsystem: number, message: number, flags: number, sequence: number, family: number): number {
    const { bytes, words, at } = this;
    const word = at >> 2;
    writeNativeU16(bytes, at + 4, (subsystem << 8) | message);
    writeNativeU16(bytes, at + 6, flags);
    words[word + 2] = sequence;
    words[word + 3] = 0;
    words[word + 4] = networkWord(family << 24);
    this.at = at + HEADERS;
    return at;
  }

  endMessage(began: number): void {
    this.words[began >> 2] = this.at - began;
  }

  /** Begins an attribute that holds attributes; returns where, for `endNest`. */
  nest(type: number): number {
    const { at } = this;
    this.words[at >> 2] = attributeHeader(type | NLA_F_NESTED, 0);
    this.at = at + ATTRIBUTE_HEADER;
    return at;
  }

  endNest(began: number): void {
    this.words[began >> 2]! |= attributeHeader(0, this.at - began);
  }

  u8(type: number, value: number): void {
    this.number(type, 1, networkWord(value << 24));
  }

  /** A 16-bit number in network byte order. */
  u16(type: number, value: number): void {
    this.number(type, 2, networkWord(value << 16));
  }

  /** A 32-bit number in network byte order. */
  u32(type: number, value: number): void {
    this.number(type, 4, networkWord(value));
  }

  private number(type: number, size: number, word: number): void {
    const { words, at } = this;
    words[at >> 2] = attributeHeader(type, ATTRIBUTE_HEADER + size);
    words[(at >> 2) + 1] = word;
    this.at = at + ATTRIBUTE_HEADER + 4;
  }

  /** A value that is `from[start, start + size)` as it is. */
  copy(type: number, from: Uint8Array, start: number, size: number): void {
    const { bytes, words, at } = this;
    words[at >> 2] = attributeHeader(type, ATTRIBUTE_HEADER + size);
    const fromWords = this.wordsCache.of(from);
    if (size === 4 && (start & 3) === 0 && fromWords.length !== 0) {
      words[(at >> 2) + 1] = fromWords[start >> 2]!;
      this.at = at + ATTRIBUTE_HEADER + 4;
      return;
    }
    let to = at + ATTRIBUTE_HEADER;
    for (let n = 0; n < size; n++) bytes[to++] = from[start + n]!;
    while (to & 3) bytes[to++] = 0;
    this.at = to;
  }
}

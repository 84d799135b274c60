/** What flows can be grouped by. A key is a fixed number of 32-bit words, so that a million groups are no objects. */

import { formatAddress } from '../../../flow/address.ts';
import { AddressAt, type ListedFlow, UNKNOWN } from '../../../flow/listed/listed-flow.ts';
import { protocolName } from '../../../flow/names.ts';
import { DCCP_STATES, Protocol, SCTP_STATES, TCP_STATES } from '../../../flow/protocol.ts';
import { parseWhole } from '../filter/amounts.ts';
import { unexpectedWord } from '../filter/error.ts';

/** One field of a key. */
interface KeyField {
  /** Words of its value. */
  readonly words: number;
  /** Writes the value's words. */
  readonly put: (flow: ListedFlow, to: Int32Array, at: number) => void;
  readonly text: (words: Int32Array, at: number) => string;
}

export interface GroupKey {
  /** As somebody typed it: `src/24,dport`. */
  readonly name: string;
  readonly words: number;
  readonly put: (flow: ListedFlow, to: Int32Array) => void;
  /** The values of the fields, joined by a comma. */
  readonly text: (words: Int32Array, at: number) => string;
}

/** Words of an address: its family, and 16 bytes. */
const ADDRESS_WORDS = 5;

function addressField(place: AddressAt, bits: readonly [number, number] | undefined): KeyField {
  const [bits4, bits6] = bits ?? [32, 128];
  const masks = { 4: maskWords(bits4), 6: maskWords(bits6) };
  const bytes = new Uint8Array(16);
  const words = new Int32Array(bytes.buffer);
  return {
    words: ADDRESS_WORDS,
    put(flow, to, at) {
      const mask = masks[flow.family];
      to[at] = place >= AddressAt.REPLY_SOURCE && !flow.hasReply ? 0 : flow.family;
      for (let n = 0; n < 4; n++) to[at + 1 + n] = flow.addressWords[(place >> 2) + n]! & mask[n]!;
    },
    text(from, at) {
      const family = from[at];
      if (family !== 4 && family !== 6) return '-';
      for (let n = 0; n < 4; n++) words[n] = from[at + 1 + n]!;
      const length = family === 4 ? bits4 : bits6;
      const isWhole = length === (family === 4 ? 32 : 128);
      return `${formatAddress(family, bytes, 0)}${isWhole ? '' : `/${length}`}`;
    },
  };
}

function maskWords(bits: number): Int32Array {
  const mask = Uint8Array.from(
    { length: 16 },
    (_, n) => (0xff00 >> Math.min(8, Math.max(0, bits - 8 * n))) & 0xff,
  );
  return new Int32Array(mask.buffer);
}

function numberField(
  read: (flow: ListedFlow) => number,
  text = (value: number) => String(value >>> 0),
  unknown = '-',
): KeyField {
  // A value of 32 bits has no number left that means unknown, so that stands in a word of its own.
  return {
    words: 2,
    put(flow, to, at) {
      const value = read(flow);
      to[at] = value;
      to[at + 1] = value < 0 ? 0 : 1;
    },
    text: (words, at) => (words[at + 1] === 0 ? unknown : text(words[at]!)),
  };
}

/** Words that stand for strings, of which there are few: names of helpers. */
function stringField(read: (flow: ListedFlow) => string): KeyField {
  const names: string[] = [];
  const numbers = new Map<string, number>();
  return {
    words: 1,
    put(flow, to, at) {
      const name = read(flow);
      let number = numbers.get(name);
      if (number === undefined) {
        number = names.push(name) - 1;
        numbers.set(name, number);
      }
      to[at] = number;
    },
    text: (words, at) => names[words[at]!] || '-',
  };
}

function protocolText(protocol: number): string {
  const name = protocolName(protocol);
  return name === 'unknown' ? String(protocol) : name;
}

/** The name of a state; of a protocol without states, its own. */
export function stateText(protocol: number, state: number): string {
  const names =
    protocol === Protocol.TCP
      ? TCP_STATES
      : protocol === Protocol.SCTP
        ? SCTP_STATES
        : protocol === Protocol.DCCP
          ? DCCP_STATES
          : undefined;
  return names === undefined || state < 0 ? '-' : (names[state] ?? names[0]);
}

function stateField(): KeyField {
  return numberField(
    ({ protocol, state }) => (protocol << 8) | (state < 0 ? 0xff : state),
    (value) => {
      const protocol = value >> 8;
      const state = stateText(protocol, (value & 0xff) === 0xff ? UNKNOWN : value & 0xff);
      return state === '-' ? protocolText(protocol) : `${protocolText(protocol)} ${state}`;
    },
  );
}

const FIELDS: Readonly<Record<string, () => KeyField>> = {
  sport: () => numberField(({ original }) => original.sourcePort),
  dport: () => numberField(({ original }) => original.destinationPort),
  'reply-sport': () => numberField(({ reply }) => reply.sourcePort),
  'reply-dport': () => numberField(({ reply }) => reply.destinationPort),
  proto: () => numberField(({ protocol }) => protocol, protocolText),
  state: stateField,
  family: () =>
    numberField(
      ({ family }) => family,
      (family) => `ipv${family}`,
    ),
  zone: () => numberField(({ zone }) => Math.max(0, zone)),
  mark: () =>
    numberField(
      ({ mark }) => mark,
      (mark) => `0x${(mark >>> 0).toString(16)}`,
    ),
  'icmp-type': () => numberField(({ original }) => original.icmpType),
  helper: () => stringField(({ helper }) => helper),
  id: () => numberField(({ id }) => id),
};

const ADDRESSES: Readonly<Record<string, AddressAt>> = {
  src: AddressAt.SOURCE,
  dst: AddressAt.DESTINATION,
  'reply-src': AddressAt.REPLY_SOURCE,
  'reply-dst': AddressAt.REPLY_DESTINATION,
};

export const GROUP_FIELDS: readonly string[] = [...Object.keys(ADDRESSES), ...Object.keys(FIELDS)];
const EXPECTED = `a field to group by: ${GROUP_FIELDS.join(', ')}; a network of addresses: src/24`;

function fieldOf(text: string): KeyField {
  const [name, bits, more] = text.split('/');
  const place = Object.hasOwn(ADDRESSES, name!) ? ADDRESSES[name!] : undefined;
  if (place !== undefined && more === undefined) {
    if (bits === undefined) return addressField(place, undefined);
    const length = parseWhole(bits, 128);
    if (length !== undefined) return addressField(place, [Math.min(32, length), length]);
  }
  const field = Object.hasOwn(FIELDS, text) ? FIELDS[text] : undefined;
  if (field === undefined) throw unexpectedWord(text, EXPECTED, GROUP_FIELDS);
  return field();
}

/** Reads `src`, `src/24,dport`, ... @throws WordError */
export function parseGroupKey(text: string): GroupKey {
  const name = text.toLowerCase();
  const fields = name.split(',').map(fieldOf);
  const places: number[] = [];
  let words = 0;
  for (const field of fields) {
    places.push(words);
    words += field.words;
  }
  return {
    name,
    words,
    put(flow, to) {
      for (let n = 0; n < fields.length; n++) fields[n]!.put(flow, to, places[n]!);
    },
    text: (from, at) => fields.map((field, n) => field.text(from, at + places[n]!)).join(','),
  };
}

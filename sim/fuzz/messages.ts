import { writeU32 } from '../../src/bytes/integers.ts';
import { Flag, HEADER_SIZE, MessageType, RANGE_SIZE, writeHeader } from '../../src/wire/header.ts';

/** Messages as a peer would send them. */

export function data(type: number, sequence: number, record: Uint8Array, flags = 0): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + record.length);
  writeHeader(bytes, 0, type, flags, bytes.length, sequence);
  bytes.set(record, HEADER_SIZE);
  return bytes;
}

export function control(flags: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE);
  writeHeader(bytes, 0, MessageType.CONTROL, flags, bytes.length, sequence);
  return bytes;
}

export function alive(sequence: number, flags = 0): Uint8Array {
  return control(Flag.ALIVE | flags, sequence);
}

function ranged(flags: number, sequence: number, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(RANGE_SIZE);
  writeHeader(bytes, 0, MessageType.CONTROL, flags, bytes.length, sequence);
  writeU32(bytes, HEADER_SIZE, from);
  writeU32(bytes, HEADER_SIZE + 4, to);
  return bytes;
}

export function ack(sequence: number, from: number, to: number, flags = 0): Uint8Array {
  return ranged(Flag.ACK | flags, sequence, from, to);
}

export function nack(sequence: number, from: number, to: number, flags = 0): Uint8Array {
  return ranged(Flag.NACK | flags, sequence, from, to);
}

export function resync(sequence: number, flags = 0): Uint8Array {
  return ranged(Flag.RESYNC | flags, sequence, 0, 0);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

import type { Family } from '../flow/address.ts';
import { parseIpv6 } from '../flow/parse-address.ts';

/**
 * Four numbers with dots, or a single one, as `inet_aton` reads them: a leading zero makes a number octal, and a single
 * number is the whole address. The lexer takes a single number for an address only if it has at most four digits.
 * @returns 4 bytes, or undefined where C reports that it is no address.
 */
export function readInetAton(text: string): Uint8Array | undefined {
  const parts = text.split('.').map(readNumber);
  const [first] = parts;
  if (parts.length === 1 && first !== undefined && first <= 0xffff)
    return Uint8Array.of(0, 0, first >> 8, first & 255);
  if (parts.length !== 4 || !parts.every((part) => part !== undefined && part <= 255)) return undefined;
  return Uint8Array.from(parts as number[]);
}

function readNumber(text: string): number | undefined {
  if (!/^(?:0[0-7]*|[1-9][0-9]*)$/.test(text)) return undefined;
  return Number.parseInt(text, text.startsWith('0') ? 8 : 10);
}

/**
 * An address as conntrackd.conf has it: 4 or 16 bytes in network order, or undefined where C reports that it is no
 * address. The lexer lets neither zones nor IPv4 tails of IPv6 addresses through to here.
 */
export function readAddress(family: Family, text: string): Uint8Array | undefined {
  return family === 4 ? readInetAton(text) : parseIpv6(text);
}

/** The address with all bits behind the prefix cleared. */
export function maskAddress(bytes: Uint8Array, prefix: number): Uint8Array {
  return bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - 8 * index));
    return byte & (0xff00 >> kept);
  });
}

export function isMulticast(bytes: Uint8Array): boolean {
  return bytes.length === 4 ? (bytes[0]! & 0xf0) === 0xe0 : bytes[0] === 0xff;
}

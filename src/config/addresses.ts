import type { Family } from '../flow/address.ts';

/**
 * Four numbers with dots, or a single one, as `inet_aton` reads them: a leading zero makes a number octal, a single
 * number is the whole address. The lexer makes an address of a single number only if it has at most four digits.
 * @returns 4 bytes, or undefined where C says that it is no address.
 */
export function readIpv4(text: string): Uint8Array | undefined {
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

const IPV6_GROUPS = 8;

/**
 * Groups of hexadecimal digits with colons, of which `::` may leave out some that are zero. The lexer lets neither zones
 * nor dotted quads through to here. Not with `parseAddress`: every client command reads a configuration, and to load
 * the package behind it takes Node 20 a fifth of such a command's time.
 * @returns 16 bytes, or undefined where `inet_pton` says that it is no address.
 */
export function readIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = halves;
  const zeros = IPV6_GROUPS - head.length - tail.length;
  if (halves.length > 2 || (halves.length === 2 ? zeros < 1 : zeros !== 0)) return undefined;
  if (![...head, ...tail].every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const groups = [...head, ...new Array<string>(zeros).fill('0'), ...tail];
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16)]),
  );
}

export function readAddress(family: Family, text: string): Uint8Array | undefined {
  return family === 4 ? readIpv4(text) : readIpv6(text);
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

import ipaddr from 'ipaddr.js';

/** Address families by the number that people use for them. */
export type Family = 4 | 6;

/** Size of an address in bytes. */
export function addressSize(family: Family): 4 | 16 {
  return family === 4 ? 4 : 16;
}

/**
 * Parses an IPv4 or IPv6 address into its bytes, in network byte order. Takes what `inet_pton` takes: no scope, no prefix.
 * @throws RangeError that names the text when it is no address.
 */
export function parseAddress(text: string): Uint8Array {
  // ipaddr.js drops a scope, reads numbers with a leading zero, and takes `::1.2.3.4` for `::ffff:1.2.3.4`.
  const address = dottedTailAsGroups(text);
  const valid = address.includes(':')
    ? !address.includes('%') && ipaddr.IPv6.isValid(address)
    : ipaddr.IPv4.isValidFourPartDecimal(address);
  if (!valid) throw new RangeError(`not an IPv4 or IPv6 address: \`${text}'`);
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

/** An IPv6 address with its last 4 bytes in hexadecimal, where they stood as IPv4; anything else as it is. */
function dottedTailAsGroups(text: string): string {
  const tailAt = text.lastIndexOf(':') + 1;
  const tail = text.slice(tailAt);
  if (tailAt === 0 || !ipaddr.IPv4.isValidFourPartDecimal(tail)) {
    // A tail that is no IPv4 address is not for ipaddr.js to read in a way of its own.
    return tailAt > 0 && tail.includes('.') ? '' : text;
  }
  const [a, b, c, d] = ipaddr.IPv4.parse(tail).toByteArray();
  return `${text.slice(0, tailAt)}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`;
}

/** Prints the 4 bytes at `at` as dotted decimal. */
export function formatIpv4(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

const HEX: readonly string[] = Array.from({ length: 0x10000 }, (_, n) => n.toString(16));

/** Prints the 16 bytes at `at` as glibc's `inet_ntop` does: longest run of zero groups shortened, mapped IPv4 dotted. */
export function formatIpv6(bytes: Uint8Array, at: number): string {
  let zerosAt = -1;
  let zeros = 1;
  let runAt = -1;
  for (let group = 0; group <= 8; group++) {
    const zero = group < 8 && bytes[at + 2 * group] === 0 && bytes[at + 2 * group + 1] === 0;
    if (zero) {
      if (runAt < 0) runAt = group;
    } else if (runAt >= 0) {
      if (group - runAt > zeros) {
        zerosAt = runAt;
        zeros = group - runAt;
      }
      runAt = -1;
    }
  }
  const mapped = zerosAt === 0 && zeros === 5 && bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
  const compatible = zerosAt === 0 && zeros === 6;
  if (mapped) return `::ffff:${formatIpv4(bytes, at + 12)}`;
  if (compatible) return `::${formatIpv4(bytes, at + 12)}`;

  let text = '';
  for (let group = 0; group < 8; group++) {
    if (group === zerosAt) {
      text += '::';
      group += zeros - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += HEX[(bytes[at + 2 * group]! << 8) | bytes[at + 2 * group + 1]!];
  }
  return text;
}

export function formatAddress(family: Family, bytes: Uint8Array, at: number): string {
  return family === 4 ? formatIpv4(bytes, at) : formatIpv6(bytes, at);
}

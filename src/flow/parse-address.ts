import ipaddr from 'ipaddr.js';

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

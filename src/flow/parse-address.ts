/**
 * Addresses from text, as glibc's `inet_pton` reads them. Our own parser and not a package's: every client command
 * reads addresses, and loading a package costs such a command more than all its parsing.
 */

const IPV6_GROUPS = 8;
const DECIMAL = /^(?:0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9a-fA-F]{1,4}$/;

/**
 * Parses an IPv4 or IPv6 address into its 4 or 16 bytes, in network byte order. No scope, no prefix.
 * @throws RangeError that names the text when it is no address
 */
export function parseAddress(text: string): Uint8Array {
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  if (bytes === undefined) throw new RangeError(`not an IPv4 or IPv6 address: \`${text}'`);
  return bytes;
}

/** Four decimal numbers with dots, without leading zeros: 4 bytes; undefined for any other text. */
function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  if (!parts.every((part) => DECIMAL.test(part) && Number(part) <= 255)) return undefined;
  return Uint8Array.from(parts, Number);
}

/**
 * Up to eight groups of hexadecimal digits; `::` stands for one or more groups of zeros, and the last two groups may be
 * an IPv4 address: 16 bytes in network byte order; undefined for any other text.
 */
export function parseIpv6(text: string): Uint8Array | undefined {
  const groups = dottedTailAsGroups(text);
  if (groups === undefined) return undefined;
  const halves = groups.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = halves;
  const zeros = IPV6_GROUPS - head.length - tail.length;
  if (halves.length > 2 || (halves.length === 2 ? zeros < 1 : zeros !== 0)) return undefined;
  if (![...head, ...tail].every((group) => GROUP.test(group))) return undefined;
  const bytes = new Uint8Array(2 * IPV6_GROUPS);
  const view = new DataView(bytes.buffer);
  for (let n = 0; n < head.length; n++) view.setUint16(2 * n, Number.parseInt(head[n]!, 16));
  const tailAt = IPV6_GROUPS - tail.length;
  for (let n = 0; n < tail.length; n++) view.setUint16(2 * (tailAt + n), Number.parseInt(tail[n]!, 16));
  return bytes;
}

/** The text with a trailing IPv4 address written as two groups; undefined where the tail has dots but is no address. */
function dottedTailAsGroups(text: string): string | undefined {
  if (!text.includes('.')) return text;
  const tailAt = text.lastIndexOf(':') + 1;
  const tail = parseIpv4(text.slice(tailAt));
  if (tail === undefined) return undefined;
  const [a, b, c, d] = tail;
  return `${text.slice(0, tailAt)}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`;
}

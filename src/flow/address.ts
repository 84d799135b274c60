/** Address families by the number that people use for them. */
export type Family = 4 | 6;

/** Size of an address in bytes. */
export function addressSize(family: Family): 4 | 16 {
  return family === 4 ? 4 : 16;
}

/** Prints the 4 bytes at `at` as dotted decimal. */
export function formatIpv4(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** All groups of an IPv6 address as text. Made when one is first printed: most programs never do. */
let hex: readonly string[] | undefined;

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

  hex ??= Array.from({ length: 0x10000 }, (_, n) => n.toString(16));
  let text = '';
  for (let group = 0; group < 8; group++) {
    if (group === zerosAt) {
      text += '::';
      group += zeros - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += hex[(bytes[at + 2 * group]! << 8) | bytes[at + 2 * group + 1]!];
  }
  return text;
}

export function formatAddress(family: Family, bytes: Uint8Array, at: number): string {
  return family === 4 ? formatIpv4(bytes, at) : formatIpv6(bytes, at);
}

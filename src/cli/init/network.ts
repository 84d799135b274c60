import { parseAddress } from '../../flow/parse-address.ts';

/** An address of an interface, with the length of its network's prefix in bits. */
export interface NetworkAddress {
  readonly address: string;
  readonly prefixLength: number;
}

/** Whether an address is in the network of another one. @throws RangeError where one of them is no address */
export function isInNetwork(address: string, { address: other, prefixLength }: NetworkAddress): boolean {
  const [a, b] = [parseAddress(address), parseAddress(other)];
  if (a.length !== b.length) return false;
  for (let bit = 0; bit < prefixLength; bit++) {
    const mask = 0x80 >> (bit & 7);
    if ((a[bit >> 3]! & mask) !== (b[bit >> 3]! & mask)) return false;
  }
  return true;
}

/** The one other address of a network that has two: /30 (its middle two), /31, /126, /127. */
export function otherEnd({ address, prefixLength }: NetworkAddress): string | undefined {
  const bytes = parseAddress(address);
  const hostBits = bytes.length * 8 - prefixLength;
  const last = bytes.at(-1)!;
  let other: number;
  if (hostBits === 1) other = last ^ 1;
  else if (hostBits === 2 && ((last & 3) === 1 || (last & 3) === 2)) other = last ^ 3;
  else return undefined;
  return bytes.length === 4
    ? [...bytes.subarray(0, 3), other].join('.')
    : address.replace(/[^:]*$/, (group) => lastGroup(group, other));
}

function lastGroup(group: string, lowByte: number): string {
  const value = (Number.parseInt(group === '' ? '0' : group, 16) & 0xff00) | lowByte;
  return value.toString(16);
}

import { readU16 } from '../bytes/integers.ts';
import type { Expectation } from '../flow/expectation.ts';
import type { Flow } from '../flow/flow.ts';
import { TLV_HEADER } from './attribute.ts';
import type { AttributeTable } from './attribute-table.ts';
import { EXPECTATION_ATTRIBUTES, type ExpectationParts } from './expectation-attributes.ts';
import { FLOW_ATTRIBUTES, type FlowParts } from './flow-attributes.ts';
import { type TupleParts, tupleOf } from './tuple-parts.ts';

/**
 * Decodes the canonical record of a flow in `bytes[start, end)`, for output.
 * @throws RangeError if an attribute is shorter than its header, or longer than what is left
 */
export function decodeFlow(bytes: Uint8Array, start: number, end: number): Flow {
  const parts: FlowParts = { original: {}, master: {}, flow: {} };
  decodeAttributes(FLOW_ATTRIBUTES, parts, bytes, start, end);
  const { original, master, flow } = parts;
  if (isPresent(master)) flow.master = tupleOf(master);
  // A copy by object spread would cost more than all of the above, and slow down every later read.
  flow.original = tupleOf(original);
  return flow as Flow;
}

/**
 * Decodes the canonical record of an expectation in `bytes[start, end)`, for output.
 * @throws RangeError as {@link decodeFlow}
 */
export function decodeExpectation(bytes: Uint8Array, start: number, end: number): Expectation {
  const parts: ExpectationParts = { tuples: [{}, {}, {}], nat: {}, expectation: {} };
  decodeAttributes(EXPECTATION_ATTRIBUTES, parts, bytes, start, end);
  const { tuples, nat, direction, expectation } = parts;
  const [master, expected, mask] = tuples;
  if (mask.family !== undefined || mask.protocol !== undefined) expectation.mask = tupleOf(mask);
  if (isPresent(nat) || direction !== undefined) {
    // No attribute holds an IPv6 address here: the C node sends the rest of the tuple without it.
    if (nat.family === undefined) Object.assign(nat, { family: 6, source: '::', destination: '::' });
    expectation.nat = direction === undefined ? { tuple: tupleOf(nat) } : { tuple: tupleOf(nat), direction };
  }
  expectation.master = tupleOf(master);
  expectation.expected = tupleOf(expected);
  return expectation as Expectation;
}

function decodeAttributes<Source, Parts>(
  { decoders }: AttributeTable<Source, Parts>,
  parts: Parts,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  for (let at = start; at < end; ) {
    const length = readU16(bytes, at);
    if (length < TLV_HEADER || at + length > end)
      throw new RangeError(
        `the attribute at byte ${at - start} has ${length} bytes; expected ${TLV_HEADER} to ${end - at}`,
      );
    decoders[readU16(bytes, at + 2)]?.(parts, bytes, at + TLV_HEADER, length - TLV_HEADER);
    at += (length + 3) & ~3;
  }
}

function isPresent({ family, protocol, ports }: TupleParts): boolean {
  return family !== undefined || protocol !== undefined || ports !== undefined;
}

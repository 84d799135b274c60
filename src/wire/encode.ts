import type { Expectation } from '../flow/expectation.ts';
import type { Flow } from '../flow/flow.ts';
import { tlvSize } from './attribute.ts';
import type { AttributeTable } from './attribute-table.ts';
import { EXPECTATION_ATTRIBUTES } from './expectation-attributes.ts';
import { FLOW_ATTRIBUTES } from './flow-attributes.ts';
import { canonicalise, EXPECTATION_FORMAT, FLOW_FORMAT, type RecordFormat } from './record.ts';
import { putAttribute } from './tlv.ts';

/**
 * Encodes a flow as its canonical record. Leaves out the ports of protocols whose ports are not on the wire.
 * @throws RangeError for a value that its field cannot hold
 */
export function encodeFlow(flow: Flow): Uint8Array {
  return encode(FLOW_ATTRIBUTES, FLOW_FORMAT, flow);
}

/**
 * Encodes an expectation as its canonical record.
 * @throws RangeError for a value that its field cannot hold
 */
export function encodeExpectation(expectation: Expectation): Uint8Array {
  return encode(EXPECTATION_ATTRIBUTES, EXPECTATION_FORMAT, expectation);
}

function encode<Source, Parts>(
  table: AttributeTable<Source, Parts>,
  format: RecordFormat,
  source: Source,
): Uint8Array {
  const values = table.sent.map((row) => row.encode(source));
  const bytes = new Uint8Array(values.reduce((sum, value) => sum + (value ? tlvSize(value.length) : 0), 0));
  let end = 0;
  table.sent.forEach(({ type }, n) => {
    const value = values[n];
    if (value !== undefined) end = putAttribute(bytes, end, type, value, 0, value.length);
  });
  // An empty bit mask has no attribute.
  const record = new Uint8Array(end);
  return record.subarray(0, canonicalise(format, bytes, 0, end, record, 0));
}

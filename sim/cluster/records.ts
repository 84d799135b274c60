import { readU16 } from '../../src/bytes/integers.ts';
import type { Kernel, KernelSink } from '../../src/kernel/kernel.ts';
import { type RecordTable, SlotState } from '../../src/table/record-table.ts';
import { Attr, TLV_HEADER } from '../../src/wire/attribute.ts';
import { ExpAttr } from '../../src/wire/expectation-attributes.ts';

/** Records by key, both as text: equal for tables that agree. */
export type Records = Map<string, string>;

const KEY: ReadonlySet<number> = new Set([
  Attr.IPV4,
  Attr.IPV6,
  Attr.L4PROTO,
  Attr.PORT,
  Attr.ICMP_TYPE,
  Attr.ICMP_CODE,
  Attr.ICMP_ID,
  Attr.ZONE,
]);

/** The last attribute on the wire: those after it are local. */
const LAST_ON_WIRE = Attr.ZONE;

/**
 * Adds the flow `bytes[start, end)`. Its timeout is left out: the kernel counts it down without events. The key is
 * read here and not by the tables' keyer, so that a fault in that shows.
 */
export function addFlow(records: Records, bytes: Uint8Array, start: number, end: number): void {
  let key = '';
  let rest = '';
  for (let at = start; at + TLV_HEADER <= end; ) {
    const length = readU16(bytes, at);
    const type = readU16(bytes, at + 2);
    if (type <= LAST_ON_WIRE && type !== Attr.TIMEOUT) {
      const text = `${type}:${hex(bytes, at + TLV_HEADER, at + length)} `;
      if (KEY.has(type)) key += text;
      else rest += text;
    }
    at += (length + 3) & ~3;
  }
  records.set(key, rest);
}

/** Adds the expectation `bytes[start, end)`, without its timeout. Everything else is its key. */
export function addExpectation(records: Records, bytes: Uint8Array, start: number, end: number): void {
  let key = '';
  for (let at = start; at + TLV_HEADER <= end; ) {
    const length = readU16(bytes, at);
    const type = readU16(bytes, at + 2);
    if (type !== ExpAttr.TIMEOUT) key += `${type}:${hex(bytes, at + TLV_HEADER, at + length)} `;
    at += (length + 3) & ~3;
  }
  records.set(key, '');
}

type Add = typeof addFlow;

/** The live records of a cache, created before this second of its clock. */
export function recordsOfTable(table: RecordTable, add: Add, second = Number.POSITIVE_INFINITY): Records {
  const records: Records = new Map();
  for (let slot = 0; slot < table.slots; slot++) {
    const state = table.stateOf(slot);
    if (state === SlotState.FREE || state === SlotState.DEAD || table.createdAt(slot) >= second) continue;
    const start = table.offsetOf(slot);
    add(records, table.bytesOf(slot), start, start + table.sizeOf(slot));
  }
  return records;
}

export interface TableRecords {
  readonly flows: Records;
  readonly expectations: Records;
}

/** The flows and expectations of a kernel. */
export function recordsOfKernel(kernel: Kernel): TableRecords {
  const flows: Records = new Map();
  const expectations: Records = new Map();
  const sink: KernelSink = {
    flow: (_change, _origin, bytes, length) => addFlow(flows, bytes, 0, length),
    expectation: (_change, _origin, bytes, length) => addExpectation(expectations, bytes, 0, length),
    traffic: () => {},
  };
  for (const dump of [kernel.dumpFlows(), kernel.dumpExpectations()]) {
    while (!dump.step(sink));
    dump.close();
  }
  return { flows, expectations };
}

function hex(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) text += (bytes[at]! + 256).toString(16).slice(1);
  return text;
}

import type { Expectation } from '../../flow/expectation.ts';
import type { Flow } from '../../flow/flow.ts';
import { expectationDumpJson, flowDumpJson } from '../../flow/json.ts';
import { withReply } from '../../flow/reply.ts';
import {
  type Age,
  expectationDumpLine,
  expectationTextWithTimeout,
  flowDumpLine,
  flowTextWithTimeout,
  internalDumpLine,
} from '../../flow/text.ts';
import { expectationDumpXml, flowDumpXml, internalDumpXml } from '../../flow/xml.ts';
import type { Dump, KernelSink } from '../../kernel/kernel.ts';
import { type RecordTable, SlotState } from '../../table/record-table.ts';
import { decodeExpectation, decodeFlow } from '../../wire/decode.ts';
import type { SyncNode } from './sync-node.ts';

export type DumpForm = 'plain' | 'xml' | 'json';

/** One record as a line of a dump. */
export type Printer = (bytes: Uint8Array, start: number, end: number, age: Age) => string;

type FlowLine = (flow: Flow, age: Age) => string;

/** Flows of our own kernel, whose reply tuple is known. */
const INTERNAL: Readonly<Record<DumpForm, FlowLine>> = {
  plain: internalDumpLine,
  xml: internalDumpXml,
  json: (flow, age) => flowDumpJson(withReply(flow), age),
};

/** Flows as the peer told of them. */
const EXTERNAL: Readonly<Record<DumpForm, FlowLine>> = {
  plain: flowDumpLine,
  xml: flowDumpXml,
  json: flowDumpJson,
};

const EXPECTATIONS: Readonly<Record<DumpForm, (expectation: Expectation, age: Age) => string>> = {
  plain: expectationDumpLine,
  xml: expectationDumpXml,
  json: expectationDumpJson,
};

function flowPrinter(print: FlowLine): Printer {
  return (bytes, start, end, age) => print(decodeFlow(bytes, start, end), age);
}

export function internalFlows(form: DumpForm): Printer {
  return flowPrinter(INTERNAL[form]);
}

export function externalFlows(form: DumpForm): Printer {
  return flowPrinter(EXTERNAL[form]);
}

export function expectations(form: DumpForm): Printer {
  const print = EXPECTATIONS[form];
  return (bytes, start, end, age) => print(decodeExpectation(bytes, start, end), age);
}

/**
 * The live records of a table, a line each. The table may change while the lines are taken: a record that comes or goes
 * meanwhile may or may not be among them.
 * @param seconds tells the table's clock
 * @param expiresIn tells the seconds until the record of a slot lapses, where records do
 */
export function* tableLines(
  table: RecordTable,
  print: Printer,
  seconds: () => number,
  expiresIn: (slot: number) => number | undefined = () => undefined,
): Generator<string> {
  for (let slot = 0; slot < table.slots; slot++) {
    const state = table.stateOf(slot);
    if (state === SlotState.FREE || state === SlotState.DEAD) continue;
    const start = table.offsetOf(slot);
    const active = Math.max(0, seconds() - table.createdAt(slot));
    const expires = expiresIn(slot);
    const age = expires === undefined ? { active } : { active, expires };
    yield print(table.bytesOf(slot), start, start + table.sizeOf(slot), age);
  }
}

/** The flows of the kernel's table that the filter lets through, a line each: where there is no internal cache. */
export function kernelFlowLines(node: SyncNode): Iterable<string> {
  return dumpLines(node.kernel.dumpFlows(), (lines) => ({
    flow: (change, _origin, bytes, length) => {
      if (!node.filter.acceptsFlow(change, bytes, length)) return;
      lines.push(`${flowTextWithTimeout(withReply(decodeFlow(bytes, 0, length)))}\n`);
    },
    expectation: () => {},
    traffic: () => {},
  }));
}

/** The expectations of the kernel's table that the filter lets through, a line each. */
export function kernelExpectationLines(node: SyncNode): Iterable<string> {
  return dumpLines(node.kernel.dumpExpectations(), (lines) => ({
    flow: () => {},
    expectation: (_change, _origin, bytes, length) => {
      if (!node.filter.acceptsExpectation(bytes, length)) return;
      lines.push(`${expectationTextWithTimeout(decodeExpectation(bytes, 0, length))}\n`);
    },
    traffic: () => {},
  }));
}

function* dumpLines(dump: Dump, sinkOf: (lines: string[]) => KernelSink): Generator<string> {
  const lines: string[] = [];
  const sink = sinkOf(lines);
  try {
    for (let done = false; !done; ) {
      done = dump.step(sink);
      yield* lines;
      lines.length = 0;
    }
  } finally {
    dump.close();
  }
}

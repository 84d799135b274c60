import type { Answer } from '../control/server.ts';
import type { Expectation } from '../flow/expectation.ts';
import type { Flow } from '../flow/flow.ts';
import { expectationDumpJson, flowDumpJson } from '../flow/json.ts';
import { withReply } from '../flow/reply.ts';
import { type Age, expectationDumpLine, flowDumpLine } from '../flow/text.ts';
import { expectationDumpXml, flowDumpXml } from '../flow/xml.ts';
import { type RecordTable, SlotState } from '../table/record-table.ts';
import { decodeExpectation, decodeFlow } from '../wire/decode.ts';

export type DumpForm = 'plain' | 'xml' | 'json';

/** One record as a line of a dump. */
export type Printer = (bytes: Uint8Array, start: number, end: number, age: Age) => string;

const FLOWS: Readonly<Record<DumpForm, (flow: Flow, age: Age) => string>> = {
  plain: flowDumpLine,
  xml: flowDumpXml,
  json: flowDumpJson,
};

const EXPECTATIONS: Readonly<Record<DumpForm, (expectation: Expectation, age: Age) => string>> = {
  plain: expectationDumpLine,
  xml: expectationDumpXml,
  json: expectationDumpJson,
};

/** Prints flows of our own kernel, whose reply tuple is known. */
export function internalFlows(form: DumpForm): Printer {
  const print = FLOWS[form];
  return (bytes, start, end, age) => print(withReply(decodeFlow(bytes, start, end)), age);
}

/** Prints flows as the peer told of them. */
export function externalFlows(form: DumpForm): Printer {
  const print = FLOWS[form];
  return (bytes, start, end, age) => print(decodeFlow(bytes, start, end), age);
}

export function expectations(form: DumpForm): Printer {
  const print = EXPECTATIONS[form];
  return (bytes, start, end, age) => print(decodeExpectation(bytes, start, end), age);
}

/** Characters written at a time. */
const PIECE = 65_536;
/** Records printed before others get a turn. */
const TURN = 1024;

/**
 * Writes the live records of a table, at the client's pace and in turns, so that replication goes on meanwhile. A
 * record that comes or goes during the dump may or may not be in it.
 * @param seconds tells the table's clock
 */
export async function dumpTable(
  table: RecordTable,
  print: Printer,
  seconds: () => number,
  answer: Answer,
): Promise<void> {
  let text = '';
  for (let slot = 0; slot < table.slots; slot++) {
    const state = table.stateOf(slot);
    if (state !== SlotState.FREE && state !== SlotState.DEAD) {
      const start = table.offsetOf(slot);
      const active = Math.max(0, seconds() - table.createdAt(slot));
      text += print(table.bytesOf(slot), start, start + table.sizeOf(slot), { active });
    }
    if (text.length >= PIECE) {
      if (!answer.write(text) && !(await answer.drained())) return;
      text = '';
    }
    if (slot % TURN === TURN - 1) await new Promise((resolve) => setImmediate(resolve));
  }
  if (text !== '') answer.write(text);
}

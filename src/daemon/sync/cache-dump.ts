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
import { decodeExpectation, decodeFlow } from '../../wire/decode.ts';
import type { DumpForm, Printer } from '../common/table-lines.ts';
import type { SyncNode } from './sync-node.ts';

type FlowLine = (flow: Flow, age: Age) => string;

/** Flows of our own kernel, whose reply tuple is known. */
const INTERNAL: Readonly<Record<DumpForm, FlowLine>> = {
  plain: internalDumpLine,
  xml: internalDumpXml,
  json: (flow, age) => flowDumpJson(withReply(flow), age),
};

/** Flows as the peer sent them. */
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

/** Prints the flows of the kernel's table that the filter lets through: the dump of a node without an internal cache. */
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

/** Prints the expectations of the kernel's table that the filter lets through, likewise. */
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

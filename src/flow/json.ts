/**
 * Flows and expectations as JSON, one object a line, with all that is known. The fields are those of `Flow` and
 * `Expectation`; states have their name beside their number, and the status bits are spelt out. A field that is not
 * known is left out.
 */

import { type Expectation, ExpectationFlag } from './expectation.ts';
import type { Flow } from './flow.ts';
import { dccpStateName, protocolName, sctpStateName, tcpStateName } from './names.ts';
import { Status } from './status.ts';
import type { Age } from './text.ts';

function bitNames(names: Readonly<Record<string, number>>, bits: number): string[] {
  const set: string[] = [];
  for (const name in names) if ((bits & names[name]!) !== 0) set.push(name);
  return set;
}

/**
 * One JSON object without a newline: `{"protocol":"tcp","state":"ESTABLISHED","statusBits":["SEEN_REPLY"],
 * "original":{...},...}`, and what is known `beside` it, such as `active` and `expires` in
 * seconds for an age.
 */
export function flowJson(flow: Flow, beside?: object): string {
  const { tcp, sctp, dccp, status } = flow;
  let state: string | undefined;
  if (tcp?.state !== undefined) state = tcpStateName(tcp.state);
  else if (sctp?.state !== undefined) state = sctpStateName(sctp.state);
  else if (dccp?.state !== undefined) state = dccpStateName(dccp.state);
  return JSON.stringify({
    protocol: protocolName(flow.original.protocol),
    state,
    statusBits: status === undefined ? undefined : bitNames(Status, status),
    ...flow,
    ...beside,
  });
}

/** One line, newline included. */
export function flowDumpJson(flow: Flow, age: Age): string {
  return `${flowJson(flow, age)}\n`;
}

/** One JSON object without a newline. */
export function expectationJson(expectation: Expectation, age?: Age): string {
  const { flags } = expectation;
  return JSON.stringify({
    protocol: protocolName(expectation.expected.protocol),
    flagBits: flags === undefined ? undefined : bitNames(ExpectationFlag, flags),
    ...expectation,
    ...age,
  });
}

/** One line, newline included. */
export function expectationDumpJson(expectation: Expectation, age: Age): string {
  return `${expectationJson(expectation, age)}\n`;
}

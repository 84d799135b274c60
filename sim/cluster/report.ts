import { expectationText, flowText } from '../../src/flow/text.ts';
import { Framing, frameAt } from '../../src/wire/datagram.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import {
  carriesRange,
  Flag,
  flagsOf,
  HEADER_SIZE,
  lengthOf,
  MessageType,
  rangeFromOf,
  rangeToOf,
  sequenceOf,
  typeOf,
} from '../../src/wire/header.ts';
import { describeFault } from './faults.ts';
import type { ClusterOptions } from './options.ts';
import type { Outcome } from './simulation.ts';
import type { TraceEvent } from './trace.ts';

/** Totals of one run or of many. */
export interface Totals {
  runs: number;
  steps: number;
  /** Virtual milliseconds. */
  time: number;
  packets: number;
  faults: number;
  requests: number;
  commits: number;
  datagrams: number;
  bytes: number;
  lost: number;
  duplicated: number;
  corrupted: number;
  truncated: number;
  blocked: number;
  undelivered: number;
}

export function noTotals(): Totals {
  return {
    runs: 0,
    steps: 0,
    time: 0,
    packets: 0,
    faults: 0,
    requests: 0,
    commits: 0,
    datagrams: 0,
    bytes: 0,
    lost: 0,
    duplicated: 0,
    corrupted: 0,
    truncated: 0,
    blocked: 0,
    undelivered: 0,
  };
}

export function addOutcome(totals: Totals, outcome: Outcome): void {
  const { datagrams } = outcome;
  totals.runs++;
  for (const figure of ['steps', 'time', 'packets', 'faults', 'requests', 'commits', 'undelivered'] as const)
    totals[figure] += outcome[figure];
  totals.datagrams += datagrams.sent;
  for (const figure of ['bytes', 'lost', 'duplicated', 'corrupted', 'truncated', 'blocked'] as const)
    totals[figure] += datagrams[figure];
}

export function addTotals(totals: Totals, more: Totals): void {
  for (const figure of Object.keys(totals) as (keyof Totals)[]) totals[figure] += more[figure];
}

const NUMBER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** @param seconds real duration */
export function totalsText(totals: Totals, seconds: number): string {
  const count = (value: number) => NUMBER.format(value).padStart(15);
  const virtual = totals.time / 1000;
  return [
    `runs            ${count(totals.runs)}`,
    `steps           ${count(totals.steps)}   ${NUMBER.format(totals.steps / seconds)} a second`,
    `virtual time    ${count(virtual)} s ${NUMBER.format(virtual / seconds)} times as fast as real time (${seconds.toFixed(1)} s)`,
    `flow events     ${count(totals.packets)}   ${NUMBER.format(totals.packets / virtual)} a virtual second`,
    `datagrams       ${count(totals.datagrams)}   ${NUMBER.format(totals.bytes)} bytes`,
    `  lost          ${count(totals.lost)}   and ${NUMBER.format(totals.blocked)} by partitions and interfaces, ${NUMBER.format(totals.undelivered)} by full buffers and dead nodes`,
    `  duplicated    ${count(totals.duplicated)}`,
    `  corrupted     ${count(totals.corrupted)}`,
    `  truncated     ${count(totals.truncated)}`,
    `faults          ${count(totals.faults)}`,
    `requests        ${count(totals.requests)}   ${NUMBER.format(totals.commits)} commits`,
  ].join('\n');
}

/** Describes the cluster in a line. */
export function clusterText(options: ClusterOptions): string {
  const { nodes, wires, multicast, rate, population, faults } = options;
  const each = nodes.map(({ mode, program }) => `${program === 'c' ? 'C' : 'ours'} ${mode.toUpperCase()}`);
  const links = `${wires} ${multicast ? 'multicast' : 'UDP'} link${wires > 1 ? 's' : ''}`;
  return `${each.join(', ')}; ${links}; ${rate} events a second, ${population} flows; ${faults} faults a round${options.stranger ? '; a stranger' : ''}`;
}

/** A trace event as text, in one line or more. */
export function traceEventText(event: TraceEvent): string {
  const time = `${(event.time / 1000).toFixed(4).padStart(9)}  `;
  switch (event.what) {
    case 'sent':
      return `${time}node ${event.node} sends on link ${event.wire}: ${datagramText(event.datagram)}`;
    case 'received':
      return `${time}node ${event.node} receives from node ${event.from}: ${datagramText(event.datagram)}`;
    case 'log':
      return `${time}node ${event.node} logs: ${event.line}`;
    case 'request':
      return `${time}node ${event.node} gets the request: ${event.request}`;
    case 'fault':
      return `${time}FAULT ${describeFault(event.fault)}`;
    case 'fault end':
      return `${time}FAULT OVER ${describeFault(event.fault)}`;
    case 'round':
      return `${time}== round ${event.round}: ${event.phase}`;
  }
}

const DATA = ['NEW', 'UPD', 'DEL', 'EXP NEW', 'EXP UPD', 'EXP DEL'];
/** Messages of a datagram that are shown individually. */
const MAX_MESSAGES_SHOWN = 6;

function datagramText(datagram: Uint8Array): string {
  const messages: string[] = [];
  let at = 0;
  for (; frameAt(datagram, at, datagram.length) === Framing.MESSAGE; at += lengthOf(datagram, at))
    messages.push(messageText(datagram, at));
  if (at < datagram.length) messages.push(`(${datagram.length - at} bytes that are no message)`);
  const more = messages.length - MAX_MESSAGES_SHOWN;
  return messages.slice(0, MAX_MESSAGES_SHOWN).join('; ') + (more > 0 ? `; and ${more} more` : '');
}

function messageText(bytes: Uint8Array, at: number): string {
  const flags = flagsOf(bytes, at);
  const type = typeOf(bytes, at);
  const hello = `${flags & Flag.HELLO ? ' HELLO' : ''}${flags & Flag.HELLO_BACK ? ' HELLO_BACK' : ''}`;
  const number = `#${sequenceOf(bytes, at)}`;
  if (carriesRange(type, flags)) {
    const name = flags & Flag.ACK ? 'ACK' : flags & Flag.NACK ? 'NACK' : 'RESYNC';
    return `${number} ${name} ${rangeFromOf(bytes, at)}-${rangeToOf(bytes, at)}${hello}`;
  }
  if (type > MessageType.EXP_DEL) return `${number} ALIVE${hello}`;
  const start = at + HEADER_SIZE;
  const end = at + lengthOf(bytes, at);
  return `${number} ${DATA[type]}${hello} ${recordText(type, bytes, start, end)}`;
}

function recordText(type: number, bytes: Uint8Array, start: number, end: number): string {
  try {
    return type <= MessageType.CT_DEL
      ? flowText(decodeFlow(bytes, start, end))
      : expectationText(decodeExpectation(bytes, start, end));
  } catch {
    return '(malformed)';
  }
}

/**
 * Flows and expectations as lines of text, in the layout of libnetfilter_conntrack's default output and of the C node's
 * cache dumps, to the character. A dump may have a million lines: strings are only put together here, nothing else.
 */

import { type Accounting, type Count, type KernelDetails, NO_ACCOUNTING } from './accounting.ts';
import { type Expectation, ExpectationFlag } from './expectation.ts';
import type { Flow } from './flow.ts';
import { dccpStateName, protocolName, sctpStateName, tcpStateName, visible } from './names.ts';
import { Protocol } from './protocol.ts';
import { knownReply } from './reply.ts';
import { Status } from './status.ts';
import type { Tuple } from './tuple.ts';

/** `tcp      6 `, by protocol number. */
const HEADS: readonly string[] = Array.from(
  { length: 256 },
  (_, protocol) => `${protocolName(protocol).padEnd(8)} ${protocol} `,
);

function endsText(tuple: Tuple): string {
  switch (tuple.protocol) {
    case Protocol.TCP:
    case Protocol.UDP:
    case Protocol.UDPLITE:
    case Protocol.SCTP:
    case Protocol.DCCP: {
      const { ports } = tuple;
      if (ports === undefined) return 'sport=0 dport=0 ';
      return `sport=${ports.source} dport=${ports.destination} `;
    }
    case Protocol.GRE: {
      const { ports } = tuple;
      if (ports === undefined) return 'srckey=0x0 dstkey=0x0 ';
      return `srckey=0x${ports.source.toString(16)} dstkey=0x${ports.destination.toString(16)} `;
    }
    case Protocol.ICMP:
    case Protocol.ICMPV6: {
      const { icmp } = tuple;
      return `type=${icmp?.type ?? 0} code=${icmp?.code ?? 0} id=${icmp?.id ?? 0} `;
    }
    default:
      return '';
  }
}

function stateText(flow: Flow): string {
  let text = '';
  if (flow.tcp?.state !== undefined) text += `${tcpStateName(flow.tcp.state)} `;
  if (flow.sctp?.state !== undefined) text += `${sctpStateName(flow.sctp.state)} `;
  if (flow.dccp?.state !== undefined) text += `${dccpStateName(flow.dccp.state)} `;
  return text;
}

function countText(count: Count | undefined): string {
  return count === undefined ? '' : `packets=${count.packets} bytes=${count.bytes} `;
}

/** All that follows the protocol and the timeout. */
function bodyText(flow: Flow, reply: Tuple | undefined, details: KernelDetails): string {
  const { original, status } = flow;
  let text = `${stateText(flow)}src=${original.source} dst=${original.destination} ${endsText(original)}`;
  if (original.zone !== undefined) text += `zone-orig=${original.zone} `;
  text += countText(details.original);
  if (status !== undefined && (status & Status.SEEN_REPLY) === 0) text += '[UNREPLIED] ';
  if (reply !== undefined) {
    text += `src=${reply.source} dst=${reply.destination} ${endsText(reply)}`;
    if (reply.zone !== undefined) text += `zone-reply=${reply.zone} `;
    text += countText(details.reply);
  }
  if (status !== undefined) {
    if ((status & Status.HW_OFFLOAD) !== 0) text += '[HW_OFFLOAD] ';
    else if ((status & Status.OFFLOAD) !== 0) text += '[OFFLOAD] ';
    else if ((status & Status.ASSURED) !== 0) text += '[ASSURED] ';
  }
  if (flow.mark !== undefined) text += `mark=${flow.mark} `;
  if (details.securityContext !== undefined) text += `secctx=${visible(details.securityContext)} `;
  if (flow.zone !== undefined) text += `zone=${flow.zone} `;
  if (details.duration !== undefined) text += `delta-time=${details.duration} `;
  if (details.use !== undefined) text += `use=${details.use} `;
  if (flow.helper !== undefined) text += `helper=${visible(flow.helper)} `;
  return text;
}

function lineText(flow: Flow, reply: Tuple | undefined, accounting: Accounting): string {
  const text = HEADS[flow.original.protocol & 0xff] + bodyText(flow, reply, accounting);
  return text.slice(0, -1);
}

/** One line without its newline, and without the timeout: a cached timeout is out of date, and the C node hides it. */
export function flowText(flow: Flow): string {
  return lineText(flow, flow.reply, NO_ACCOUNTING);
}

/** The same with the seconds until the flow expires behind the protocol, as in a listing of the kernel table. */
export function flowTextWithTimeout(flow: Flow, details: KernelDetails = NO_ACCOUNTING): string {
  const head = HEADS[flow.original.protocol & 0xff]!;
  const timeout = flow.timeout === undefined ? '' : `${flow.timeout} `;
  return `${head}${timeout}${bodyText(flow, flow.reply, details)}`.slice(0, -1);
}

/**
 * How long a cache has had what a line shows, and how long it will keep it, in whole seconds. Only caches whose
 * records lapse (the external one in ALARM mode) have the latter.
 */
export interface Age {
  readonly active: number;
  readonly expires?: number;
}

function ageText(age: Age): string {
  const active = ` [active since ${age.active}s]\n`;
  return age.expires === undefined ? active : ` [expires in ${age.expires}s]${active}`;
}

/** One line of `-e`, newline included: a flow as it is known. */
export function flowDumpLine(flow: Flow, age: Age): string {
  return lineText(flow, flow.reply, NO_ACCOUNTING) + ageText(age);
}

/** One line of `-i`, newline included: as `withReply` has it, without the copy. */
export function internalDumpLine(flow: Flow, age: Age): string {
  return lineText(flow, knownReply(flow), NO_ACCOUNTING) + ageText(age);
}

/** The same with how long the flow has lived, where that is known. */
export function accountedDumpLine(flow: Flow, age: Age, accounting: Accounting): string {
  return lineText(flow, knownReply(flow), accounting) + ageText(age);
}

/** A flow of our own kernel as the log of ended flows has it: without its newline, and with what was counted of it. */
export function accountedFlowText(flow: Flow, accounting: Accounting): string {
  return lineText(flow, knownReply(flow), accounting);
}

function flagsText(flags: number): string {
  let text = '';
  if ((flags & ExpectationFlag.PERMANENT) !== 0) text = 'PERMANENT';
  if ((flags & ExpectationFlag.INACTIVE) !== 0) text += text === '' ? 'INACTIVE' : ',INACTIVE';
  if ((flags & ExpectationFlag.USERSPACE) !== 0) text += text === '' ? 'USERSPACE' : ',USERSPACE';
  return `${text} `;
}

/** One line without its newline and without the timeout. */
export function expectationText(expectation: Expectation): string {
  const { expected, mask, master, flags = 0, helper } = expectation;
  let text = `proto=${expected.protocol} src=${expected.source} dst=${expected.destination} ${endsText(expected)}`;
  if (mask !== undefined) text += `mask-src=${mask.source} mask-dst=${mask.destination} ${endsText(mask)}`;
  text += `master-src=${master.source} master-dst=${master.destination} ${endsText(master)}`;
  if (flags !== 0) text += flagsText(flags);
  if (expectation.class !== undefined) text += `class=${expectation.class} `;
  if (helper !== undefined) return `${text}helper=${visible(helper)}`;
  return text.slice(0, -1);
}

/** The same with the seconds until the expectation lapses at the front, as in a listing of the kernel table. */
export function expectationTextWithTimeout(expectation: Expectation): string {
  const text = expectationText(expectation);
  return expectation.timeout === undefined ? text : `${expectation.timeout} ${text}`;
}

/** One line of `-i expect` and `-e expect`, newline included. */
export function expectationDumpLine(expectation: Expectation, age: Age): string {
  return expectationText(expectation) + ageText(age);
}

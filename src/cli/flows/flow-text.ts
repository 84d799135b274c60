/** How a listed flow is shown: as conntrack(8) prints it, as a row of a table, as JSON. */

import type { KernelDetails } from '../../flow/accounting.ts';
import { flowJson } from '../../flow/json.ts';
import { AddressAt, flowOf, type ListedDirection, type ListedFlow } from '../../flow/listed/listed-flow.ts';
import { protocolName, visible } from '../../flow/names.ts';
import { Protocol } from '../../flow/protocol.ts';
import { Status } from '../../flow/status.ts';
import { flowTextWithTimeout } from '../../flow/text.ts';
import { durationText, quantityText } from './filter/amounts.ts';
import type { FlowContext } from './filter/truth.ts';
import { stateText } from './group/group-key.ts';

/** Writes one flow as a line, newline included. @param bytesPerSecond undefined where it was not measured */
export type FlowWriter = (flow: ListedFlow, context: FlowContext, bytesPerSecond?: number) => string;

function countOf({ packets, bytes }: ListedDirection): KernelDetails['original'] {
  return packets < 0 || bytes < 0 ? undefined : { packets, bytes };
}

/** Seconds that the flow has lived, or lived; undefined where the kernel does not record it. */
function ageOf({ start, stop }: ListedFlow, { now }: FlowContext): number | undefined {
  return start < 0 ? undefined : Math.max(0, (stop < 0 ? now() : stop) - start);
}

function detailsOf(flow: ListedFlow, context: FlowContext): KernelDetails {
  const original = countOf(flow.original);
  const reply = countOf(flow.reply);
  const duration = ageOf(flow, context);
  return {
    ...(original === undefined ? {} : { original }),
    ...(reply === undefined ? {} : { reply }),
    ...(duration === undefined ? {} : { duration }),
    ...(flow.use < 0 ? {} : { use: flow.use }),
    ...(flow.securityContext === '' ? {} : { securityContext: flow.securityContext }),
  };
}

/** A line as `conntrack -L` prints it. A measured rate stands behind it. */
export const conntrackLine: FlowWriter = (flow, context, bytesPerSecond) => {
  const rate = bytesPerSecond === undefined ? '' : ` rate=${Math.round(bytesPerSecond)}`;
  return `${flowTextWithTimeout(flowOf(flow), detailsOf(flow, context))}${rate}\n`;
};

/** One JSON object: the fields of the daemon's dumps, and what only the kernel's table tells. */
export const jsonLine: FlowWriter = (flow, context, bytesPerSecond) => {
  const { duration, original, reply, ...others } = detailsOf(flow, context);
  const idle = context.idle.secondsOf(flow);
  const beside = {
    ...others,
    counters: original === undefined && reply === undefined ? undefined : { original, reply },
    start: flow.start < 0 ? undefined : flow.start,
    stop: flow.stop < 0 ? undefined : flow.stop,
    age: duration,
    idle: idle < 0 ? undefined : idle,
    bytesPerSecond: bytesPerSecond === undefined ? undefined : Math.round(bytesPerSecond),
  };
  return `${flowJson(flowOf(flow), beside)}\n`;
};

/** Address and port: `10.0.0.1:80`, `[fd00::1]:80`. */
export function endText(flow: ListedFlow, at: AddressAt, port: number): string {
  const address = flow.addressText(at);
  if (port < 0) return address;
  const number = flow.protocol === Protocol.GRE ? `0x${port.toString(16)}` : String(port);
  return flow.family === 6 ? `[${address}]:${number}` : `${address}:${number}`;
}

/** The ends as whoever began the flow sees them. */
export function endTexts(flow: ListedFlow): readonly [string, string] {
  const { original } = flow;
  const destination =
    original.icmpType < 0
      ? endText(flow, AddressAt.DESTINATION, original.destinationPort)
      : `${flow.addressText(AddressAt.DESTINATION)} type ${original.icmpType}`;
  return [endText(flow, AddressAt.SOURCE, original.sourcePort), destination];
}

/** `snat 1.2.3.4:5`, `dnat ...`, both, or `-`. */
function natText(flow: ListedFlow): string {
  const { status, reply, hasReply } = flow;
  if (status < 0 || !hasReply) return '-';
  const parts: string[] = [];
  if ((status & Status.SRC_NAT) !== 0)
    parts.push(`snat ${endText(flow, AddressAt.REPLY_DESTINATION, reply.destinationPort)}`);
  if ((status & Status.DST_NAT) !== 0)
    parts.push(`dnat ${endText(flow, AddressAt.REPLY_SOURCE, reply.sourcePort)}`);
  return parts.length === 0 ? '-' : parts.join(' ');
}

/** The state of its protocol, or else whether it was answered. */
export function stateOf({ protocol, state, status }: ListedFlow): string {
  const name = stateText(protocol, state);
  if (name !== '-') return name;
  if (status < 0) return '-';
  return (status & Status.SEEN_REPLY) === 0
    ? 'UNREPLIED'
    : (status & Status.ASSURED) === 0
      ? 'REPLIED'
      : 'ASSURED';
}

export function protocolText(protocol: number): string {
  const name = protocolName(protocol);
  return name === 'unknown' ? String(protocol) : name;
}

const WIDTHS = [7, 12, 21, 21, 7, 7, 6, 7, 5];
const HEAD = ['PROTO', 'STATE', 'SOURCE', 'DESTINATION', 'LEFT', 'IDLE', 'BYTES', 'BYTES/S', 'ZONE', 'NAT'];

function row(cells: readonly string[]): string {
  return `${cells
    .map((cell, n) => cell.padEnd(WIDTHS[n] ?? 0))
    .join(' ')
    .trimEnd()}\n`;
}

export const TABLE_HEAD = row(HEAD);

/** A row of a table; `-` where something is not known. */
export const tableRow: FlowWriter = (flow, context, bytesPerSecond) => {
  const idle = context.idle.secondsOf(flow);
  return row([
    protocolText(flow.protocol),
    stateOf(flow),
    ...endTexts(flow),
    flow.timeout < 0 ? '-' : durationText(flow.timeout),
    idle < 0 ? '-' : durationText(idle),
    flow.bytes < 0 ? '-' : quantityText(flow.bytes),
    bytesPerSecond === undefined ? '-' : quantityText(bytesPerSecond),
    flow.zone < 0 ? '-' : String(flow.zone),
    `${natText(flow)}${flow.helper === '' ? '' : ` helper ${visible(flow.helper)}`}`,
  ]);
};

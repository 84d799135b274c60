/**
 * Flows and expectations as XML, in the layout of libnetfilter_conntrack's XML output, to the character: one element a
 * line. The C node's dumps (`-x`) hide the timeout, and so do these.
 */

import { type Accounting, NO_ACCOUNTING } from './accounting.ts';
import { type Expectation, ExpectationFlag } from './expectation.ts';
import type { Flow } from './flow.ts';
import { protocolName, tcpStateName, visible } from './names.ts';
import { Protocol } from './protocol.ts';
import { knownReply } from './reply.ts';
import { Status } from './status.ts';
import type { Tuple } from './tuple.ts';

const LAYER3_IPV4 = '<layer3 protonum="2" protoname="ipv4">';
const LAYER3_IPV6 = '<layer3 protonum="10" protoname="ipv6">';

/** `<layer4 ...>` by protocol number. */
const LAYER4: readonly string[] = Array.from(
  { length: 256 },
  (_, protocol) => `<layer4 protonum="${protocol}" protoname="${protocolName(protocol)}">`,
);

/** What the C node prints for a reply tuple that it does not know. */
const NO_REPLY =
  '<meta direction="reply"><layer3 protonum="0" protoname="unknown"><src></src><dst></dst></layer3>' +
  '<layer4 protonum="0" protoname="unknown"></layer4></meta>';

/** A name from the wire; `&`, `<` and `>` would end the element it stands in. */
function escaped(name: string): string {
  return visible(name).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function endsXml(tuple: Tuple): string {
  switch (tuple.protocol) {
    case Protocol.TCP:
    case Protocol.UDP:
    case Protocol.UDPLITE:
    case Protocol.SCTP:
    case Protocol.DCCP: {
      const { ports } = tuple;
      if (ports === undefined) return '<sport>0</sport><dport>0</dport>';
      return `<sport>${ports.source}</sport><dport>${ports.destination}</dport>`;
    }
    case Protocol.GRE: {
      const { ports } = tuple;
      if (ports === undefined) return '<srckey>0x0</srckey><dstkey>0x0</dstkey>';
      return `<srckey>0x${ports.source.toString(16)}</srckey><dstkey>0x${ports.destination.toString(16)}</dstkey>`;
    }
    default:
      return '';
  }
}

function addressesXml(tuple: Tuple): string {
  return `<src>${tuple.source}</src><dst>${tuple.destination}</dst>`;
}

function layer3(tuple: Tuple): string {
  return tuple.family === 4 ? LAYER3_IPV4 : LAYER3_IPV6;
}

function tupleXml(tuple: Tuple): string {
  return (
    `${layer3(tuple)}${addressesXml(tuple)}</layer3>` +
    `${LAYER4[tuple.protocol & 0xff]}${endsXml(tuple)}</layer4>${
      tuple.zone === undefined ? '' : `<zone>${tuple.zone}</zone>`
    }</meta>`
  );
}

/**
 * The name of an SCTP or DCCP state is the TCP state of the same number: libnetfilter_conntrack looks it up in the
 * wrong table (`snprintf_xml.c`), and who reads this XML has learned to live with it. JSON has the real name.
 */
function stateXml(state: number): string {
  return `<state>${tcpStateName(state)}</state>`;
}

/** What belongs to neither direction. */
function independentXml(flow: Flow, { duration }: Accounting): string {
  const { status } = flow;
  let text = '';
  let empty = status === undefined && flow.labels === undefined && duration === undefined;
  if (flow.tcp?.state !== undefined) text += stateXml(flow.tcp.state);
  if (flow.sctp?.state !== undefined) text += stateXml(flow.sctp.state);
  if (flow.dccp?.state !== undefined) text += stateXml(flow.dccp.state);
  if (flow.mark !== undefined) text += `<mark>${flow.mark}</mark>`;
  if (flow.zone !== undefined) text += `<zone>${flow.zone}</zone>`;
  if (flow.id !== undefined) text += `<id>${flow.id}</id>`;
  if (text !== '') empty = false;
  if (status !== undefined && (status & Status.ASSURED) !== 0) text += '<assured/>';
  if (status !== undefined && (status & Status.SEEN_REPLY) === 0) text += '<unreplied/>';
  if (duration !== undefined) text += `<deltatime>${duration}</deltatime>`;
  return empty ? '' : `<meta direction="independent">${text}</meta>`;
}

function elementXml(flow: Flow, reply: Tuple | undefined, accounting = NO_ACCOUNTING): string {
  return (
    `<flow><meta direction="original">${tupleXml(flow.original)}` +
    (reply === undefined ? NO_REPLY : `<meta direction="reply">${tupleXml(reply)}`) +
    independentXml(flow, accounting) +
    (flow.helper === undefined ? '</flow>' : `<helper>${escaped(flow.helper)}</helper></flow>`)
  );
}

/** One `<flow>` element without a newline. */
export function flowXml(flow: Flow): string {
  return elementXml(flow, flow.reply);
}

/** One line of `-e -x`, newline included: a flow as it is known. */
export function flowDumpXml(flow: Flow): string {
  return `${elementXml(flow, flow.reply)}\n`;
}

/** One line of `-i -x`, newline included: as `withReply` has it, without the copy. */
export function internalDumpXml(flow: Flow): string {
  return `${elementXml(flow, knownReply(flow))}\n`;
}

/** The same with how long the flow has lived, where that is known. */
export function accountedDumpXml(flow: Flow, accounting: Accounting): string {
  return `${elementXml(flow, knownReply(flow), accounting)}\n`;
}

function layer3Xml({ expected, mask, master }: Expectation): string {
  return (
    `${layer3(expected)}<expected>${addressesXml(expected)}</expected>` +
    `<mask>${mask === undefined ? '<src></src><dst></dst>' : addressesXml(mask)}</mask>` +
    `<master>${addressesXml(master)}</master></layer3>`
  );
}

function layer4Xml({ expected, mask, master }: Expectation): string {
  return (
    `${LAYER4[expected.protocol & 0xff]}<expected>${endsXml(expected)}</expected>` +
    `<mask>${mask === undefined ? '' : endsXml(mask)}</mask><master>${endsXml(master)}</master></layer4>`
  );
}

function metaXml(expectation: Expectation): string {
  const { flags = 0 } = expectation;
  let text = '<meta>';
  if (expectation.helper !== undefined) text += `<helper-name>${escaped(expectation.helper)}</helper-name>`;
  if (expectation.class !== undefined) text += `<class>${expectation.class}</class>`;
  if ((flags & ExpectationFlag.PERMANENT) !== 0) text += '<permanent/>';
  if ((flags & ExpectationFlag.INACTIVE) !== 0) text += '<inactive/>';
  if ((flags & ExpectationFlag.USERSPACE) !== 0) text += '<userspace/>';
  return `${text}</meta>`;
}

/** One `<flow>` element without a newline; the element of an expectation has the same name as a flow's. */
export function expectationXml(expectation: Expectation): string {
  return `<flow>${layer3Xml(expectation)}${layer4Xml(expectation)}${metaXml(expectation)}</flow>`;
}

/** One line of `-i expect -x` and `-e expect -x`, newline included. */
export function expectationDumpXml(expectation: Expectation): string {
  return `${expectationXml(expectation)}\n`;
}

/** A message as a line of text or as an object of JSON, for the command `decode`. */

import type { Flow, Translation } from '../../flow/flow.ts';
import { expectationJson, flowJson } from '../../flow/json.ts';
import { expectationTextWithTimeout, flowTextWithTimeout } from '../../flow/text.ts';
import type { Sighting } from './decoder.ts';
import type { CapturedMessage } from './messages.ts';
import type { Endpoint } from './packet.ts';
import type { FrameTime } from './pcap.ts';

/** Ends in a line feed. */
export type MessageLine = (message: CapturedMessage, sighting: Sighting) => string;

/**
 * Time as ISO 8601 in UTC, with microseconds, or nanoseconds where there are any. A time beyond the calendar is given
 * in seconds.
 */
export function timeText({ seconds, nanoseconds }: FrameTime): string {
  const fraction = String(nanoseconds).padStart(9, '0').replace(/000$/, '');
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `${seconds}.${fraction}`;
  return `${date.toISOString().replace(/\.000Z$/, '')}.${fraction}Z`;
}

function endpointText({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function translationText(name: string, translation: Translation | undefined): string {
  if (translation === undefined) return '';
  const { address = '', port } = translation;
  return ` ${name}=${port === undefined ? address : endpointText({ address, port })}`;
}

/** A flow that was received has no reply tuple: what its ends were translated to stands in its place. */
function flowLineText(flow: Flow): string {
  const { sourceNat, destinationNat } = flow;
  return (
    flowTextWithTimeout(flow) + translationText('snat', sourceNat) + translationText('dnat', destinationNat)
  );
}

function messageText(message: CapturedMessage): string {
  if ('malformed' in message) return `malformed (${message.length} bytes): ${message.malformed}`;
  const { sequence, type, flags, range, flow, expectation } = message;
  let text = `seq=${sequence} ${type}`;
  if (flags.length > 0) text += ` ${flags.join(',')}`;
  if (range) text += ` ${range.from}-${range.to}`;
  if (flow) text += ` ${flowLineText(flow)}`;
  if (expectation) text += ` ${expectationTextWithTimeout(expectation)}`;
  return text;
}

export const lineText: MessageLine = (message, { time, source, destination }) =>
  `${timeText(time)} ${endpointText(source)} -> ${endpointText(destination)} ${messageText(message)}\n`;

export const lineJson: MessageLine = (message, { time, transport, source, destination }) => {
  const place = { time: timeText(time), transport, source, destination };
  if ('malformed' in message) return `${JSON.stringify({ ...place, ...message })}\n`;
  const { flow, expectation, ...rest } = message;
  const head = JSON.stringify({ ...place, ...rest });
  if (flow) return `${head.slice(0, -1)},"flow":${flowJson(flow)}}\n`;
  if (expectation) return `${head.slice(0, -1)},"expectation":${expectationJson(expectation)}}\n`;
  return `${head}\n`;
};

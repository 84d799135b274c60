import type { Flow } from '../flow.ts';
import { DCCP_STATES, Protocol, SCTP_STATES, TCP_STATES } from '../protocol.ts';
import { Status } from '../status.ts';
import type { Tuple } from '../tuple.ts';

const MARKS: Readonly<Record<string, number>> = {
  '[ASSURED]': Status.ASSURED,
  '[OFFLOAD]': Status.OFFLOAD,
  '[HW_OFFLOAD]': Status.HW_OFFLOAD,
};

/** Fields that begin a direction, or belong to one. */
const OF_DIRECTION: ReadonlySet<string> = new Set([
  ...['src', 'dst', 'sport', 'dport', 'srckey', 'dstkey', 'type', 'code', 'id', 'zone-orig', 'zone-reply'],
]);

type Fields = Map<string, string>;

/** Reads a line of conntrack's, as a C node's cache dumps have them. Undefined where it is none. */
export function parseFlowLine(line: string): Flow | undefined {
  const words = line.replace(/\[[a-z][^\]]*\]/g, '').split(/\s+/);
  const protocol = Number(words[1]);
  if (!Number.isInteger(protocol) || protocol > 255) return undefined;
  const directions: Fields[] = [];
  const further: Fields = new Map();
  let status = Status.SEEN_REPLY as number;
  let stateName: string | undefined;
  let timeout: number | undefined;
  for (const word of words.slice(2)) {
    const equals = word.indexOf('=');
    const name = word.slice(0, Math.max(0, equals));
    const value = word.slice(equals + 1);
    if (word === '[UNREPLIED]') status &= ~Status.SEEN_REPLY;
    else if (MARKS[word] !== undefined) status |= MARKS[word];
    else if (equals < 0 && /^\d+$/.test(word)) timeout = Number(word);
    else if (equals < 0 && /^[A-Z_0-9]+$/.test(word)) stateName = word;
    else if (name === 'src') directions.push(new Map([[name, value]]));
    else if (OF_DIRECTION.has(name)) directions.at(-1)?.set(name, value);
    else if (equals > 0) further.set(name, value);
  }
  const [first, second] = directions;
  const original = first && tupleOf(first, protocol);
  if (original === undefined) return undefined;
  const reply = second && tupleOf(second, protocol);
  return {
    original,
    ...(reply === undefined ? {} : { reply }),
    status: status | (reply === undefined ? 0 : translations(original, reply)),
    ...(timeout === undefined ? {} : { timeout }),
    ...stateOf(protocol, stateName),
    ...numberOf(further, 'mark'),
    ...numberOf(further, 'zone'),
    ...(further.has('helper') ? { helper: further.get('helper')! } : {}),
  };
}

function numberOf(fields: Fields, name: 'mark' | 'zone'): Pick<Flow, 'mark' | 'zone'> {
  const value = Number(fields.get(name));
  return fields.has(name) && Number.isInteger(value) ? { [name]: value } : {};
}

function tupleOf(fields: Fields, protocol: number): Tuple | undefined {
  const source = fields.get('src');
  const destination = fields.get('dst');
  if (source === undefined || destination === undefined) return undefined;
  const family = source.includes(':') ? 6 : 4;
  const number = (name: string) => Number(fields.get(name) ?? 0);
  const key = fields.has('srckey');
  return {
    family,
    source,
    destination,
    protocol,
    ...(key || fields.has('sport')
      ? { ports: { source: number(key ? 'srckey' : 'sport'), destination: number(key ? 'dstkey' : 'dport') } }
      : {}),
    ...(fields.has('type') ? { icmp: { type: number('type'), code: number('code'), id: number('id') } } : {}),
  };
}

/** The status bits of a translation, which a line shows by its two directions alone. */
function translations(original: Tuple, reply: Tuple): number {
  const isSource =
    reply.destination !== original.source || reply.ports?.destination !== original.ports?.source;
  const isDestination =
    reply.source !== original.destination || reply.ports?.source !== original.ports?.destination;
  return (isSource ? Status.SRC_NAT : 0) | (isDestination ? Status.DST_NAT : 0);
}

function stateOf(protocol: number, name: string | undefined): Pick<Flow, 'tcp' | 'sctp' | 'dccp'> {
  if (name === undefined) return {};
  const index = (names: readonly string[]) => Math.max(0, names.indexOf(name));
  if (protocol === Protocol.TCP) return { tcp: { state: index(TCP_STATES) } };
  if (protocol === Protocol.SCTP) return { sctp: { state: index(SCTP_STATES) } };
  return protocol === Protocol.DCCP ? { dccp: { state: index(DCCP_STATES) } } : {};
}

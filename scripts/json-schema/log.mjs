/** Lines of the log with `format = "json"`. */

import { readFileSync } from 'node:fs';
import {
  bytes,
  count,
  document,
  flag,
  milliseconds,
  object,
  oneOf,
  optional,
  seconds,
  text,
} from './kit.mjs';

/** The names in src/daemon/process/log-entry.ts, which docs/json.md explains. */
function events() {
  const source = readFileSync(new URL('../../src/daemon/process/log-entry.ts', import.meta.url), 'utf8');
  const [, names] = /LOG_EVENTS = \[([^\]]*)\]/.exec(source);
  return [...names.matchAll(/'(\w+)'/g)].map(([, name]) => name);
}

const fields = {
  action: text('what the node was doing'),
  address: text('of an interface'),
  asked_by: oneOf('who asked', 'keepalived', 'command'),
  buffer_bytes: bytes('size of the buffer of events'),
  buffer_limit_bytes: bytes('NetlinkBufferSizeMaxGrowth'),
  cache: oneOf('which caches', 'all', 'internal', 'external'),
  cause: text('why'),
  changed: count('entries that had changed'),
  committed: count('entries put into the kernel'),
  configured_bytes: bytes('what the configuration asks for'),
  delay_seconds: seconds('until then'),
  dropped_bytes: bytes('in the dropped packets'),
  dropped_packets: count('packets dropped'),
  elapsed_ms: milliseconds('that it took'),
  ended: count('entries that had ended'),
  errno: count('error number of the system'),
  failed: count('entries that the kernel refused'),
  flows: count('flows'),
  hellos_total: count("HELLOs in peers' names, since the start"),
  helper: text('name of a helper'),
  interface: text('name of an interface'),
  interfaces: text('names of interfaces, with commas between'),
  keys: count('keys in the file'),
  kind: oneOf('what was committed', 'entries', 'expectations'),
  known_flows: count('flows of the other node'),
  late_ms: milliseconds('too late'),
  limit_bytes: bytes('that the control group allows'),
  lines: count('lines'),
  lines_total: count('lines since the start'),
  link: text('name of its interface'),
  listen: text('where'),
  longest_ms: milliseconds('after which the guard is lifted in any case'),
  messages: count('messages since the last line about them'),
  messages_total: count('messages since the start'),
  overruns_total: count('overruns since the start'),
  packets: count('packets'),
  path: text('of a file'),
  peer_flows: count('flows that the peer says it has'),
  place: text('where the log of ended flows goes'),
  queue: count('number of a packet queue'),
  raised_ms: milliseconds('for which the guard was raised'),
  reason: text('why'),
  records: count('records'),
  refused: count('refused since the last line about them'),
  refused_total: count('refused since the start'),
  request: count('number of the request'),
  role: oneOf('a role', 'primary', 'backup', 'fault'),
  said_hello: flag('whether the peer said so itself'),
  scope: oneOf('of what', 'all', 'flows', 'expectations'),
  sender_address: text('address of the sender'),
  silent_ms: milliseconds('since the last message'),
  source: oneOf('who sent it', 'peers', 'the kernel'),
  stale_ms: milliseconds('for which its messages have been behind'),
  step: text('of a commit'),
  table: oneOf('of the kernel', 'conntrack', 'expect'),
  takeover_ms: milliseconds('since the takeover began'),
  times_total: count('how often since the start'),
  used_bytes: bytes('of memory in use'),
  version: text('a version'),
};

export const logLine = document(
  'log-line',
  'a line of the log with `format = "json"`',
  object('a line; which fields come with which `event`: the table above', {
    time: { type: 'string', format: 'date-time', description: 'ISO 8601, UTC, with milliseconds' },
    level: oneOf('how much it matters', 'info', 'notice', 'warning', 'error'),
    message: text('the sentence of the text form'),
    pid: count('of the process that wrote it'),
    host: text('name of the machine'),
    event: optional(oneOf('the kind of line', ...events())),
    subject: optional(text('the flow or expectation that the line is about')),
    ...Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, optional(schema)])),
  }),
);

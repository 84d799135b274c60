/** Flows and expectations, as dumps, listings, events and captures have them. */

import {
  bytes,
  count,
  document,
  either,
  integer,
  list,
  number,
  object,
  oneOf,
  optional,
  partial,
  reference,
  schemaVersion,
  seconds,
  text,
} from './kit.mjs';

const tuple = object('one direction of a flow', {
  family: oneOf('of the addresses', 4, 6),
  source: text('address'),
  destination: text('address'),
  protocol: count('number of the protocol over IP'),
  ports: optional(
    object('of TCP, UDP, SCTP, DCCP; for GRE the keys', {
      source: count('port'),
      destination: count('port'),
    }),
  ),
  icmp: optional(
    object(
      'of ICMP and ICMPv6',
      partial({ type: count('of the message'), code: count('of the message'), id: count('of the echo') }),
    ),
  ),
  zone: optional(count('of this direction alone, where the kernel keeps the two apart')),
});

const translation = object(
  'what an end was translated to',
  partial({ address: text('address'), port: count('port') }),
);

const adjustment = object('how the sequence numbers of a direction were shifted', {
  position: count('the number from which on it holds'),
  offsetBefore: integer('the shift before that'),
  offsetAfter: integer('the shift after that'),
});

const definitions = { tuple, translation, adjustment };
const here = (name, what) => reference(`#/$defs/${name}`, what);

const flowMembers = {
  protocol: text('tcp, udp, udplite, icmp, icmpv6, sctp, gre, dccp or unknown'),
  state: optional(text('of the protocol, such as ESTABLISHED')),
  statusBits: optional(list('the bits of status that are set', text('such as SEEN_REPLY'))),
  original: here('tuple', 'the direction of the first packet'),
  reply: optional(here('tuple', 'the other direction')),
  status: optional(count('IPS_* bits of the kernel')),
  timeout: optional(seconds('until the flow expires')),
  mark: optional(count('connection mark')),
  tcp: optional(
    object(
      'of TCP',
      partial({
        state: count('number of the state'),
        scaleOriginal: count('window scale in the original direction'),
        scaleReply: count('window scale in the other direction'),
      }),
    ),
  ),
  sctp: optional(
    object(
      'of SCTP',
      partial({
        state: count('number of the state'),
        tagOriginal: count('verification tag in the original direction'),
        tagReply: count('verification tag in the other direction'),
      }),
    ),
  ),
  dccp: optional(
    object('of DCCP', partial({ state: count('number of the state'), role: count('who began it') })),
  ),
  master: optional(here('tuple', 'the original direction of the flow that expected this one')),
  sourceNat: optional(here('translation', 'where the source was translated')),
  destinationNat: optional(here('translation', 'where the destination was translated')),
  sequenceAdjustment: optional(
    object('a helper rewrote payload', { original: here('adjustment'), reply: here('adjustment') }),
  ),
  helper: optional(text('name of its helper')),
  labels: optional(list('connection labels', count('32 bits of the mask, the lowest first'))),
  synproxy: optional(
    object('of SYNPROXY', {
      its: count('initial time stamp'),
      isn: count('initial sequence number'),
      tsoff: integer('offset of time stamps'),
    }),
  ),
  zone: optional(count('of both directions')),
  id: optional(count("the kernel's identifier of the entry")),
};

const expectationMembers = {
  protocol: text('of the expected flow, as in a flow'),
  flagBits: optional(list('the bits of flags that are set', text('PERMANENT, INACTIVE or USERSPACE'))),
  master: here('tuple', 'the original direction of the flow that expects'),
  expected: here('tuple', 'the original direction of the expected flow'),
  mask: optional(here('tuple', 'which bits of it count')),
  timeout: optional(seconds('until the expectation lapses')),
  flags: optional(count('NF_CT_EXPECT_* bits of the kernel')),
  class: optional(count('of the helper')),
  nat: optional(
    object('how the expected flow is to be translated', {
      tuple: here('tuple'),
      direction: optional(count('0: original, 1: the other')),
    }),
  ),
  helper: optional(text('name of the helper')),
  function: optional(text('name of the kernel function that sets the expected flow up')),
};

const age = {
  active: optional(seconds('that the cache has had the record; of a cache')),
  expires: optional(seconds('until the cache drops it; of a cache whose records expire')),
};

const direction = object('of one direction', { packets: count('packets'), bytes: bytes('in them') });

/** What only the kernel's table tells, where the kernel records it. */
const kernelMembers = {
  use: optional(count("the kernel's references to it")),
  securityContext: optional(text('of SELinux and the like')),
  counters: optional(
    object('nf_conntrack_acct', { original: optional(direction), reply: optional(direction) }),
  ),
  start: optional(seconds('since 1970: when it began (nf_conntrack_timestamp)')),
  stop: optional(seconds('since 1970: when it ended')),
  age: optional(seconds('that it has lived')),
  idle: optional(seconds('since its last packet')),
  bytesPerSecond: optional(count('measured with --rate')),
};

export const flow = document(
  'flow',
  'a line of `-i --json`, `-e --json` and `list --json`',
  object('a flow; what is not known is absent', { ...flowMembers, ...age, ...kernelMembers }),
  definitions,
);

export const event = document(
  'event',
  'a line of `events --json`, with the members of [flow](#flow) and these',
  object('what happened to a flow', {
    event: oneOf('what', 'new', 'update', 'destroy'),
    time: seconds('since 1970: when it was read'),
    portId: optional(count('netlink port of the program that caused it')),
    ...flowMembers,
    ...kernelMembers,
  }),
  definitions,
);

export const expectation = document(
  'expectation',
  'a line of `-i expect --json` and `-e expect --json`',
  object('an expectation; what is not known is absent', { ...expectationMembers, ...age }),
  definitions,
);

const endpoint = object('an end of the link', { address: text('address'), port: count('port') });
const seen = {
  time: text('ISO 8601 with the fraction of the capture; seconds where that is no date'),
  transport: oneOf('of the link', 'udp', 'tcp'),
  source: endpoint,
  destination: endpoint,
};

export const message = document(
  'message',
  'a line of `decode --json`',
  either(
    'a message of the protocol in a capture',
    object('one that could be read', {
      ...seen,
      sequence: count('its number'),
      type: text('CT_NEW, EXP_DEL, CONTROL, ...'),
      flags: list('its flags', text('HELLO, ACK, ...')),
      range: optional(object('of an ACK or NACK', { from: count('number'), to: count('number') })),
      flow: optional(reference('flow.json')),
      expectation: optional(reference('expectation.json')),
    }),
    object('one that could not', {
      ...seen,
      malformed: text('why'),
      length: bytes('of the message, or of the rest'),
    }),
  ),
);

export const group = document(
  'group',
  'a line of `top --batch --json`',
  object('flows that have something in common', {
    key: text('what they have in common'),
    flows: count('how many there are'),
    share: number('their part of all flows that the filter let through, 0 to 1'),
    newPerSecond: optional(number('flows that began a second')),
    unreplied: count('of these, those without an answer'),
    bytes: optional(bytes('that they carried, where the kernel counts')),
    packets: optional(count('that they carried, where the kernel counts')),
    bytesPerSecond: optional(number('measured with --rate')),
  }),
);

const counters = (what, value) => ({
  type: 'object',
  description: what,
  additionalProperties: value,
});

export const kernelStatistics = document(
  'kernel-statistics',
  '`stats --json`',
  object("the kernel's counters, by the names of conntrack -S", {
    schema: schemaVersion,
    entries: count('flows in the table'),
    maxEntries: optional(count('flows at most')),
    total: counters('sums over all CPUs since the network namespace was made', count('a counter')),
    perSecond: optional(counters('with --for: how much each sum grew a second', number('a rate'))),
    cpus: list('of each CPU', counters('`cpu`, its number, and its counters', count('a counter'))),
  }),
);

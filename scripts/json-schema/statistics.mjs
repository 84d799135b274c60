/** `-s --json` and what the daemon says of its role and its commits. */

import {
  byName,
  bytes,
  count,
  document,
  either,
  epochMilliseconds,
  flag,
  list,
  milliseconds,
  object,
  oneOf,
  optional,
  reference,
  schemaVersion,
  seconds,
  text,
  tuple,
} from './kit.mjs';

export const cacheMembers = {
  kind: oneOf('what the object is', 'cache'),
  name: oneOf('which cache', 'internal', 'external', 'stats'),
  objects: count('records held now, dead ones that are still kept among them'),
  active: count('records that are alive now'),
  entries: count('entries in the hash table now'),
  created: count('records created since the start'),
  createFailed: count('records that could not be created'),
  createNoMemory: count('of these, for want of memory'),
  createNoSpace: count('of these, because of HashLimit'),
  updated: count('records updated'),
  updateFailed: count('updates that failed'),
  updateNotFound: count('of these, of records that were not there'),
  destroyed: count('records removed'),
  destroyFailed: count('removals that failed'),
  destroyNotFound: count('of these, of records that were not there'),
};

const bypass = object('events that went straight to the wire (DisableInternalCache)', {
  kind: oneOf('what the object is', 'bypass'),
  created: count('events of new records'),
  updated: count('events of changes'),
  destroyed: count('events of ends'),
});

const inject = object('what was put straight into the kernel (DisableExternalCache)', {
  kind: oneOf('what the object is', 'inject'),
  created: count('entries created'),
  createFailed: count('entries that the kernel refused to create'),
  updated: count('entries updated'),
  updateFailed: count('entries that the kernel refused to update'),
  destroyed: count('entries removed'),
  destroyFailed: count('entries that the kernel refused to remove'),
});

const link = object('a dedicated link; counts are since the start', {
  transport: oneOf('how it sends', 'UDP', 'multicast', 'TCP'),
  device: text('name of its interface'),
  status: oneOf('state of the interface', 'RUNNING', 'NO-CARRIER', 'DOWN'),
  active: flag('whether it carries what is sent'),
  bytesSent: bytes('sent'),
  bytesReceived: bytes('received'),
  packetsSent: count('datagrams sent, or writes of a TCP link'),
  packetsReceived: count('datagrams received, or reads of a TCP link'),
  errorsSent: count('attempts to send that failed'),
  errorsReceived: count('attempts to receive that failed'),
  refused: byName(
    'what was refused, by reason: sender, unsealed, sealed, other-key, forged, replayed, unproved',
    object('what was refused for one reason', {
      count: count('datagrams, or connections of a TCP link'),
      last: text('address of the last sender'),
    }),
  ),
  seal: optional(
    object('with a key: who has proved to have it', {
      peers: count('peers that have proved it'),
      undelivered: count('datagrams that waited for one in vain'),
    }),
  ),
  serverConnected: optional(flag('of a TCP link: whether the peer is connected to us')),
  clientConnected: optional(flag('of a TCP link: whether we are connected to the peer')),
});

const peer = object('the version of the peers, by what is set or what their messages show', {
  version: optional(text('such as 1.4.6; absent where nothing is set and nothing shows an old peer')),
  old: flag('whether its messages differ from those of 1.4.7 and later'),
  recognised: flag('whether the version was recognised, and is not set'),
  natInOrder: count('translated addresses that make sense in network byte order alone'),
  natReversed: count('translated addresses that make sense in the reverse order alone'),
  withoutPorts: count('messages without the ports that name their flow'),
  zonesUnknown: count('messages with a zone sent to a peer that takes them for malformed'),
});

export const networkMembers = {
  malformed: count('messages that nobody can read, since the start'),
  badVersion: count('of these, with another version'),
  badHeader: count('of these, with a bad header'),
  badPayload: count('of these, with a bad record'),
  badType: count('of these, of an unknown type'),
  truncated: count('of these, cut off'),
  badSize: count('of these, with a wrong length'),
  sendMalformed: count('always 0'),
  lost: count('messages that never came, by the gaps in the sequence numbers'),
  before: count('messages whose number had passed already'),
  unfoundedAcks: count('acknowledgements of numbers that were never sent'),
  falseHellos: count("HELLOs in a peer's name while its numbers went on as before"),
  peer: reference('statistics.json#/$defs/peer'),
};

export const runtimeMembers = {
  uptime: seconds('since the start'),
  eventsReceived: count("the kernel's events received since the start"),
  eventsFiltered: count('of these, those that the filter took out'),
  eventBatches: optional(
    reference('statistics.json#/$defs/histogram', 'events by read, of the reads that brought any'),
  ),
  eventsUnknownType: count('events of an unknown type'),
  eventsFailed: count('reads of events that failed, overruns among them'),
  dumpUnknownType: count('always 0'),
  overruns: count('how often the kernel dropped events because the buffer was full'),
  kernelFlushes: count("flushes of the kernel's table"),
  kernelResyncs: count("resyncs with the kernel's table"),
  directionalZones: count(
    'messages about flows with a zone in one direction alone, which are not replicated',
  ),
  interruptedDumps: count("dumps of the kernel's table that the kernel interrupted"),
  incompleteDumps: count('dumps that may lack entries, because they were interrupted each time'),
  recheck: optional(
    object("comparisons of the internal cache with the kernel's table", {
      comparisons: count('how many there were'),
      changed: count('records that were missing, or had changed, without an event'),
      gone: count('records that had ended without an event'),
      shifted: optional(count('flows whose shifted sequence numbers were read (Sync mode)')),
    }),
  ),
  committed: optional(count('entries that commits put into the kernel (Sync mode)')),
  commitFailed: optional(count('entries that they could not (Sync mode)')),
  bufferSize: bytes('that the event socket can hold now, as the kernel accounts them'),
  childFailed: count('always 0, as the following four'),
  childSegfault: count('always 0'),
  childTerminated: count('always 0'),
  selectFailed: count('always 0'),
  waitFailed: count('always 0'),
  localReadFailed: count('requests on the control socket that could not be read'),
  localUnknownRequest: count('requests on the control socket that nobody knows'),
  resources: object('what the daemon lacked', {
    outOfDescriptors: count('how often no file descriptor was left'),
    logLinesLost: count('log lines that the log file could not take'),
    logLinesLeftOut: count('log lines beyond 200 a second'),
    flowLinesLost: optional(count('in Stats mode: ended flows that their log could not take')),
  }),
};

const queues = object('queues of messages', {
  nodes: count('elements that exist now'),
  queues: list(
    'the queues, the newest first',
    object('a queue', {
      name: text('txqueue, errorq or rsqueue'),
      elements: count('elements in it now'),
      maximum: count('elements at most'),
      noSpace: count('elements turned away, or thrown out, because it was full'),
    }),
  ),
});

const replication = object('how the node stands with its peers', {
  inSync: flag('whether it has all that its peers have, as far as it can know'),
  reason: optional(text('why not, in words')),
  flows: count('flows in the external cache'),
  peers: count('peers that were heard in the last minute'),
  silentPeers: count('of these, those that have sent nothing for 5 s'),
  lastHeardMs: optional(milliseconds('since the last message of any peer; absent before the first')),
  waiting: count('messages waiting to be sent'),
  unacknowledged: count('messages sent and not yet acknowledged'),
  droppedFromResendQueue: count('messages that left the full resend queue before they were acknowledged'),
  droppedDead: count('records dropped because the peer no longer had them'),
  comparisons: object('of the external cache with what the peer, one of ours, says it has, once a minute', {
    equal: count('how many found the same flows'),
    different: count('how many found others'),
    last: optional(
      object('the last one; absent before the first', {
        equal: flag('whether the flows were the same'),
        here: count('flows in the external cache'),
        there: count('flows that the peer has'),
        agoMs: milliseconds('since then'),
      }),
    ),
  }),
  ackDelay: optional(
    object('from sending a message until a peer acknowledged it (FT-FW)', {
      sinceStart: reference('statistics.json#/$defs/histogram', 'in ms, since the start'),
      lastMinute: optional(
        object('of the last minute; absent if nothing was acknowledged', {
          count: count('delays that were measured'),
          p50Ms: milliseconds('that half of them do not exceed'),
          p99Ms: milliseconds('that 99 of 100 do not exceed'),
        }),
      ),
    }),
  ),
  lastBulk: optional(
    object('the last time that everything was sent', {
      records: count('how much it was'),
      agoMs: milliseconds('since then'),
    }),
  ),
  lastCommit: optional(
    object('the last commit (-c, role primary)', {
      committed: count('entries put into the kernel'),
      failed: count('entries that the kernel refused'),
      takenMs: milliseconds('that it took'),
      complete: flag('whether it came to its end'),
      agoMs: milliseconds('since its end'),
    }),
  ),
});

const packets = (what) => object(what, { packets: count('packets'), bytes: bytes('in them') });

const guard = object('the guard of a failover', {
  state: oneOf('what it does', 'down', 'up', 'takeover', 'lapsed', 'waiting'),
  interfaces: list('guarded interfaces', text('name of an interface')),
  since: optional(epochMilliseconds('when the state began')),
  cause: optional(text('why it is in takeover, lapsed or waiting')),
  dropped: packets('dropped since the start of the daemon'),
  own: packets("let through to the machine's own addresses while it was up"),
  raised: count('how often it was raised'),
  lifted: count('how often it was lifted'),
  lapsed: count('how often its longest time lifted it'),
  recreated: count('how often its table in the kernel was lost, and made anew'),
});

const role = {
  role: oneOf('which', 'primary', 'backup', 'fault', 'unknown'),
  since: optional(epochMilliseconds('when it began; absent for an unknown one')),
  source: optional(oneOf('who asked for it', 'keepalived', 'command')),
  changing: flag('whether the work of the role is under way'),
  changes: count('changes of role since the start'),
  superseded: count('requests that a later one replaced before they were begun'),
  lastTakeoverMs: optional(milliseconds('from the request to the end of the last change to primary')),
  shortfall: optional(text("what of the role's work was not done; absent if all was")),
  lastCommit: optional(
    object('the commit of the last change to primary', {
      committed: count('entries put into the kernel'),
      failed: count('entries that the kernel refused'),
      takenMs: milliseconds('that it took'),
      complete: flag('whether it came to its end'),
    }),
  ),
  keepalived: optional(
    object("lines read from keepalived's FIFO", {
      notices: count('that say something about a role'),
      malformed: count('that nobody can read'),
    }),
  ),
  guard: optional(reference('#/$defs/guard')),
};

const helpers = object('helpers in user space', {
  helpers: list(
    'each of them',
    object('a helper; counts are since the start', {
      name: text('such as ftp'),
      family: oneOf('of its flows', 'inet', 'inet6'),
      transport: oneOf('of its flows', 'tcp', 'udp'),
      queueNum: count('number of its packet queue'),
      packets: count('packets that it looked at'),
      dropped: count('packets dropped, because what they announce could not be expected'),
      rewritten: count('packets whose payload was rewritten for a translated flow'),
      expectations: count('expectations that the kernel took'),
      expectationsRefused: count('expectations that it refused'),
      failed: count('packets that went on because the helper failed'),
    }),
  ),
  packets: count('packets that the queues delivered'),
  passed: count('packets that went on without a look'),
  malformed: count('messages of the kernel that could not be read'),
  verdictsFailed: count('verdicts that the kernel did not take'),
  flows: count('flows whose state is kept now'),
  flowsForgotten: count('flows whose state was forgotten for newer ones'),
});

const standby = object("a hot standby that keeps the peer's flows", {
  kept: count("flows of the peer in this node's kernel"),
  refreshed: count('timeouts that were renewed'),
  lost: count('flows that the kernel lost and that were put back'),
  removed: count('flows removed because the peer no longer had them'),
  memory: bytes('allocated for the kept flows'),
});

const sharedFlows = object(
  "what a node with several active peers made of their records and of its kernel's table",
  {
    adopted: count('records of peers that were put into the kernel'),
    known: count('records of peers that brought nothing new'),
    conflicts: count('flows that this node and another one had changed at once'),
    endsIgnored: count("ends of peers' copies, which end no flow here"),
    lookedAt: count("entries of the kernel's table that were looked at"),
    renewed: count('flows sent again because their packets pass here without events'),
    restored: count('flows whose older state in the kernel was replaced by that of the record'),
  },
);

const resendQueue = object('what waits for its acknowledgement (`-s rsqueue`)', {
  length: count('how much'),
  entries: list(
    'in the order of the queue',
    either(
      'a message',
      object('a control message', {
        kind: oneOf('what the object is', 'control'),
        sequence: count('its number'),
        flags: count('its flags'),
      }),
      object('a record', { kind: oneOf('what the object is', 'object'), sequence: count('its number') }),
    ),
  ),
});

const histogram = object('a distribution since the start', {
  buckets: list(
    'by upper bounds, ascending',
    tuple('a bound', { type: 'number', description: 'the bound' }, count('values not above it')),
  ),
  count: count('all values'),
  sum: { type: 'number', description: 'of all values' },
});

const definitions = {
  cache: object('a cache of flows or of expectations; counts are since the start', cacheMembers),
  bypass,
  inject,
  link,
  peer,
  network: object('messages received and sent', networkMembers),
  runtime: object('what the daemon did', runtimeMembers),
  queues,
  replication,
  role: object("the node's role in a failover", role),
  guard,
  helpers,
  standby,
  sharedFlows,
  resendQueue,
  histogram,
  traffic: object('what the ended flows had carried, where the kernel counts it', {
    bytes: bytes('in both directions'),
    packets: count('in both directions'),
  }),
  process: object('a process that works for the daemon now', {
    pid: count('its process id'),
    type: oneOf('what for', 'any', 'flush', 'commit'),
  }),
};

const here = (name) => reference(`#/$defs/${name}`);

export const statistics = document(
  'statistics',
  '`-s [WHAT] --json`: members that WHAT does not ask for, or that the mode has not got, are absent',
  object('statistics of a daemon', {
    schema: schemaVersion,
    mode: oneOf('what the daemon does', 'sync', 'stats', 'helper'),
    internal: optional(either('the internal side', here('cache'), here('bypass'))),
    external: optional(either('the external side', here('cache'), here('inject'))),
    cache: optional(here('cache')),
    traffic: optional(here('traffic')),
    links: optional(list('all links, in the order of the configuration', here('link'))),
    network: optional(here('network')),
    replication: optional(here('replication')),
    standby: optional(here('standby')),
    sharedFlows: optional(here('sharedFlows')),
    role: optional(here('role')),
    helpers: optional(here('helpers')),
    queues: optional(here('queues')),
    resendQueue: optional(here('resendQueue')),
    runtime: optional(here('runtime')),
    processes: optional(list('processes that work for the daemon now', here('process'))),
  }),
  definitions,
);

export const roleDocument = document(
  'role',
  '`role --json`',
  object("the node's role in a failover", { schema: schemaVersion, ...role }),
  { guard },
);

export const commit = document(
  'commit',
  '`-c --json`',
  either(
    'what a commit came to',
    object('it was carried out', {
      schema: schemaVersion,
      kind: oneOf('what the object is', 'done'),
      committed: count('entries put into the kernel'),
      failed: count('entries that the kernel refused'),
      takenMs: milliseconds('that it took'),
      complete: flag('whether it came to its end'),
    }),
    object('another one was under way, or there is nothing to commit', {
      schema: schemaVersion,
      kind: oneOf('what the object is', 'skipped'),
      failed: { const: 0, description: 'always 0' },
      complete: { const: false, description: 'always false' },
    }),
  ),
);

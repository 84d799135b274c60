/** `status --json` and `doctor --json`: findings, and the facts that they were made from. */

import { configurationDefinitions } from './configuration.mjs';
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
  number,
  object,
  oneOf,
  optional,
  partial,
  reference,
  schemaVersion,
  seconds,
  text,
  tuple,
} from './kit.mjs';
import { cacheMembers, networkMembers, runtimeMembers } from './statistics.mjs';

const counted = (what) => list(what, tuple('a name and how many', text('name'), count('flows')));

const backend = object('flows to one address and port that are translated to one backend', {
  protocol: text('such as tcp'),
  service: text('the address that was asked for'),
  servicePort: count('and its port'),
  backend: text('the address that it is translated to'),
  backendPort: count('and its port'),
  flows: count('how many there are'),
  unreplied: count('of these, those without an answer'),
});

const table = object("the kernel's table, counted over all of it", {
  flows: count('flows'),
  interrupted: flag(
    'whether the kernel resized the table whenever it was read: flows may be missing, or there twice',
  ),
  malformed: count('messages of the kernel that could not be read'),
  takenMs: milliseconds('that the reading took'),
  unreplied: count('flows without an answer'),
  evictable: count('flows that the kernel may drop for new ones when the table is full'),
  offloaded: count('flows that a flow table forwards'),
  kinds: counted('by protocol and state, the most first'),
  sources: counted('by source, the most first'),
  destinations: counted('by destination, the most first'),
  directionalZones: count('flows with a zone in one direction alone: they are not replicated'),
  tcp: object('of TCP', {
    flows: count('flows'),
    synSent: count('flows in SYN_SENT'),
    established: count('flows in ESTABLISHED'),
    establishedOneSided: count('of the established, those whose packets come in one direction alone'),
    establishedTimed: count('of the established, those whose idle time is known'),
    establishedIdle: count('of these, those without a packet for an hour'),
  }),
  udp: object('of UDP', {
    flows: count('flows'),
    unreplied: count('flows without an answer'),
    dns: count('flows to port 53'),
    streams: count('assured flows'),
    streamsLate: count('of these, those that were silent for more than half of their timeout'),
  }),
  sourceTranslated: count('flows whose source is translated'),
  natPools: list(
    'translated sources to one destination each, the most first',
    object('flows that need a port each', {
      protocol: text('such as tcp'),
      address: text('that sources are translated to'),
      destination: text('address'),
      port: count('of the destination'),
      flows: count('how many there are'),
    }),
  ),
  destinationTranslated: count('flows whose destination is translated'),
  backends: list('the most flows first', reference('#/$defs/backend')),
  refreshedUnanswered: list(
    'by flows that were refreshed and never answered between two readings',
    reference('#/$defs/backend'),
  ),
});

const there = (name) => reference(`#/$defs/${name}`);
/** What the daemon's statistics have, too. */
const told = (name) => reference(`statistics.json#/$defs/${name}`);

const daemon = object(
  'what the daemon tells; a C daemon tells less',
  partial(
    {
      mode: oneOf('what it does', 'sync', 'stats', 'helper'),
      flows: object('caches of flows', {
        internal: there('anyCache'),
        external: there('anyCache'),
      }),
      expectations: object('caches of expectations', {
        internal: there('anyCache'),
        external: there('anyCache'),
      }),
      cache: there('knownCache'),
      traffic: told('traffic'),
      links: list('all links', told('link')),
      network: object('messages received and sent', partial(networkMembers)),
      replication: told('replication'),
      standby: told('standby'),
      sharedFlows: told('sharedFlows'),
      role: told('role'),
      helpers: told('helpers'),
      queues: told('queues'),
      runtime: object('what it did', partial(runtimeMembers)),
      processes: list('processes that work for it', told('process')),
      receivedInSample: count('datagrams received over all links while somebody looked'),
    },
    'mode',
  ),
);

export const facts = document(
  'facts',
  '`facts` in `status --json` and `doctor --json`; `doctor --peer FILE` reads them',
  object('what was found on this machine; what could not be read is absent', {
    version: { const: 1, description: 'version of the facts, 1' },
    node: text('version of Node'),
    kernelRelease: text('as uname -r prints it'),
    nativeTrouble: optional(text('why no system call can be made')),
    eventLoop: object('how a daemon here would wait for events', {
      description: text('as its log has it'),
      trouble: optional(text('why it cannot poll directly')),
      warnings: list('about the environment variable that chooses it', text('for people')),
    }),
    privileges: object('of who asked', {
      root: flag('whether that is root'),
      netAdmin: optional(flag('whether with CAP_NET_ADMIN')),
    }),
    ctnetlink: either(
      "the kernel's connection tracking",
      object('it answers', {
        kind: oneOf('what the object is', 'answers'),
        eventBuffer: bytes('of a socket of events, as the kernel accounts them'),
        table: either('the table', there('table'), text('why it could not be read')),
      }),
      object('it does not', { kind: oneOf('what the object is', 'trouble'), message: text('why') }),
    ),
    configuration: there('configuration'),
    settingsFile: there('settingsFile'),
    interfaces: byName(
      'the interfaces that the configuration names',
      object('an interface', {
        up: flag('whether it is up'),
        running: flag('whether it has a carrier'),
        multicast: flag('whether it can multicast'),
        mtu: optional(bytes('in a packet at most')),
        addresses: list('its addresses', text('address')),
      }),
    ),
    lock: optional(
      object('the lock file', {
        exists: flag('whether it is there'),
        pid: optional(count('process id in it')),
        locked: optional(flag('whether a process holds it')),
      }),
    ),
    socket: optional(oneOf('the control socket', 'absent', 'listening', 'stale', 'denied', 'no-socket')),
    daemon: optional(there('daemon')),
    memoryLimit: optional(bytes('that the control group allows')),
    settings: byName("the kernel's settings, by name", { type: 'number', description: 'as sysctl has it' }),
    sample: optional(
      object('what changed while somebody looked', {
        seconds: seconds('that it took'),
        counters: byName(
          'by the names of conntrack -S, over all CPUs',
          object('a counter', {
            total: count('since the network namespace was made'),
            grew: count('in the time of the sample'),
          }),
        ),
        entries: count('flows at the end'),
        entriesBefore: count('flows at the beginning'),
        cpus: optional(
          list(
            'of the whole machine',
            object('a CPU', {
              cpu: count('its number'),
              packets: count('packets that it took'),
              dropped: count('packets that it dropped because too many waited for it'),
              softirqPart: number('part of its time for packets and other soft interrupts: 0 to 1'),
            }),
          ),
        ),
        events: optional(
          object("the kernel's events meanwhile", {
            began: count('flows that began'),
            ended: count('flows that ended'),
            udpRenewed: count('UDP flows that ended and began again at once'),
            lost: flag('whether the kernel dropped events, so that the counts are too low'),
          }),
        ),
      }),
    ),
    kernelLog: either(
      "the kernel's log",
      object('it cannot be read', { state: oneOf('how it is', 'unreadable'), why: text('for people') }),
      object('it was read', {
        state: oneOf('how it is', 'read'),
        tableFull: count('lines that say that the table of this network namespace, or of some, was full'),
        lastSecondsAgo: optional(seconds('since the last of them')),
        elsewhere: count('such lines about other network namespaces'),
      }),
    ),
    rules: optional(flag("whether a rule asks for a connection's state")),
    helperModules: list("the kernel's helper modules", text('such as nf_conntrack_ftp')),
    processes: list(
      'other processes that look like a node',
      object('a process', {
        pid: count('its process id'),
        name: text('its name'),
        here: optional(flag('whether it is in this network namespace')),
      }),
    ),
    clock: object('times', {
      now: epochMilliseconds('when it was looked'),
      installed: optional(epochMilliseconds('when the program was installed')),
    }),
  }),
  {
    table,
    backend,
    daemon,
    knownCache: object('a cache as far as it is known', partial(cacheMembers, 'kind', 'name')),
    anyCache: either(
      'a cache, or what stands in its place',
      there('knownCache'),
      told('bypass'),
      told('inject'),
    ),
    ...configurationDefinitions,
  },
);

const finding = object('the result of one check', {
  check: text('its subject'),
  level: oneOf('how bad it is; unseen: the check could not look', 'ok', 'warning', 'problem', 'unseen'),
  found: text('what was found'),
  advice: optional(text('what to do about it')),
  commands: optional(list('that mend it, in their order', text('for a shell on this machine'))),
});

const findings = list('the worst first', reference('#/$defs/finding'));

export const status = document(
  'status',
  '`status --json`',
  object('whether all is well', {
    schema: schemaVersion,
    status: oneOf('the exit code: well, warning, problem, cannot be told', 0, 1, 2, 3),
    findings,
    facts: reference('facts.json'),
  }),
  { finding },
);

export const doctor = document(
  'doctor',
  '`doctor --json`',
  object('what is wrong', {
    schema: schemaVersion,
    problems: count('findings that are a problem'),
    warnings: count('findings that are a warning'),
    unseen: count('checks that could not look'),
    findings,
    facts: reference('facts.json'),
  }),
  { finding },
);

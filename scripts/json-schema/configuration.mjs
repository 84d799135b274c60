/** conntrackd.conf and the settings file as the facts have them: as they were read, with all defaults. */

import {
  bytes,
  count,
  either,
  flag,
  integer,
  list,
  object,
  oneOf,
  optional,
  reference,
  seconds,
  text,
} from './kit.mjs';

const family = oneOf('IPv4 or IPv6', 4, 6);
const address = (what) => list(what, count('a byte'));
const logic = oneOf('what happens to what matches', 'accept', 'ignore');
const policy = object('what the helper may expect', {
  name: text('of the policy'),
  expectMax: count('expectations of a flow at most'),
  expectTimeout: seconds('that an expectation lives'),
});

const general = object('General', {
  hashSize: count('HashSize'),
  hashLimit: count('HashLimit: records in each cache at most'),
  logFile: optional(text('LogFile; absent: none')),
  syslogFacility: optional(text('Syslog; absent: none')),
  lockFile: text('LockFile'),
  unix: object('UNIX', { path: optional(text('the control socket')) }),
  netlink: object('the socket of events', {
    bufferSize: bytes("NetlinkBufferSize; 0: the kernel's default"),
    bufferSizeMaxGrowth: bytes('NetlinkBufferSizeMaxGrowth; 0: never grow'),
    overrunResync: { type: 'number', 'x-unit': 's', description: 'NetlinkOverrunResync; -1: never' },
    eventsReliable: flag('NetlinkEventsReliable'),
  }),
  eventIterationLimit: count('EventIterationLimit'),
  pollSeconds: optional(seconds('PollSecs; absent: events')),
  scheduler: object('Scheduler', {
    type: oneOf('Type', 'rr', 'fifo'),
    priority: count('Priority'),
  }),
  systemd: flag('Systemd'),
  filter: optional(
    object('Filter', {
      from: oneOf('who filters', 'userspace', 'kernelspace'),
      protocols: optional(object('Protocol', { logic, numbers: list('protocols', count('its number')) })),
      addresses: optional(
        object('Address', {
          logic,
          networks: list(
            'networks',
            object('a network', {
              family,
              bytes: address('its address'),
              prefix: count('its length in bits'),
            }),
          ),
        }),
      ),
      tcpStates: optional(object('State', { logic, states: list('states of TCP', count('its number')) })),
    }),
  ),
});

const commonLink = {
  default: flag('whether it is the first to be used'),
  interface: text('Interface'),
  family,
  port: count('Port, or Group of a multicast link'),
  sendBuffer: bytes("SndSocketBuffer; 0: the kernel's default"),
  receiveBuffer: bytes("RcvSocketBuffer; 0: the kernel's default"),
  checksum: flag('Checksum'),
  line: count('line of the file'),
};

const link = either(
  'a link',
  object('Multicast', {
    transport: oneOf('how it sends', 'multicast'),
    group: text('IPv4_address or IPv6_address'),
    interfaceAddress: optional(text('IPv4_interface')),
    ...commonLink,
  }),
  object('UDP or TCP', {
    transport: oneOf('how it sends', 'udp', 'tcp'),
    address: text('own address'),
    destination: text("the peer's address"),
    ...commonLink,
  }),
);

const sync = object('Sync', {
  mode: oneOf('Mode', 'ftfw', 'alarm', 'notrack'),
  resendQueueSize: count('ResendQueueSize'),
  ackWindowSize: count('ACKWindowSize'),
  commitTimeout: optional(seconds('CommitTimeout; absent: what is left of the timeout')),
  purgeTimeout: seconds('PurgeTimeout'),
  refreshTime: seconds('RefreshTime'),
  cacheTimeout: seconds('CacheTimeout'),
  disableInternalCache: flag('DisableInternalCache'),
  disableExternalCache: flag('DisableExternalCache'),
  startupResync: flag('StartupResync'),
  links: list('the links', link),
  errorQueueLength: count('ErrorQueueLength'),
  options: object('Options', {
    tcpWindowTracking: flag('TCPWindowTracking'),
    expectationSync: either(
      'ExpectationSync',
      { type: 'boolean', description: 'for all helpers, or for none' },
      list('for these helpers', text('beginning of its name')),
    ),
  }),
});

const helper = object('Helper', {
  setup: flag('Setup'),
  helpers: list(
    'helpers',
    object('Type', {
      name: text('of the helper'),
      family,
      transport: oneOf('of its flows', 'tcp', 'udp'),
      queueNum: count('QueueNum'),
      queueLen: count("QueueLen; 0: the kernel's default"),
      policy,
      line: count('line of the file'),
    }),
  ),
});

const stats = object('Stats', {
  logFile: optional(text('LogFile of ended flows')),
  syslogFacility: optional(text('Syslog of ended flows')),
});

const mode = (name, member) =>
  object(`a configuration of ${name} mode`, {
    mode: oneOf('the mode', name),
    general: reference('#/$defs/general'),
    helper: name === 'helper' ? reference('#/$defs/helper') : optional(reference('#/$defs/helper')),
    ...member,
  });

const listen = either(
  'listen in [metrics]',
  object('an address', {
    kind: oneOf('what the object is', 'tcp'),
    host: text('address'),
    port: count('port'),
    isLoopback: flag('whether it is of the loopback'),
  }),
  object('a socket', { kind: oneOf('what the object is', 'unix'), path: text('its path') }),
);

const allowed = object('traffic that the guard lets through', {
  text: text('as it was written'),
  protocol: optional(count('number of the protocol over IP; absent: any')),
  ports: optional(object('destination ports', { first: count('port'), last: count('port') })),
  from: optional(
    object('sources', { address: address('its address'), length: count('of the prefix, in bits') }),
  ),
});

const settings = object('our own settings', {
  failover: object('[failover]', {
    keepalivedFifo: optional(text('keepalived_fifo')),
    source: optional(
      object('whose lines count', {
        kind: oneOf('which setting', 'instance', 'group'),
        name: text('its name'),
      }),
    ),
    guard: optional(
      object('[failover.guard]', {
        interfaces: list('interfaces', text('name of an interface')),
        allow: list('allow', allowed),
        liftAfterSeconds: seconds('lift_after_seconds'),
      }),
    ),
  }),
  links: object('[links]', {
    senders: list('senders', text('address')),
    acceptAnySender: flag('accept_any_sender'),
    keyFile: optional(text('key_file')),
    latency: oneOf('latency', 'auto', 'low', 'batched'),
  }),
  replication: object('[replication]', {
    resyncSeconds: seconds('resync_seconds'),
    activeNodes: oneOf('active_nodes', 'one', 'several'),
  }),
  standby: object('[standby]', { keep: flag('keep'), resyncSeconds: seconds('resync_seconds') }),
  peer: object('[peer]', {
    version: optional(text('version')),
    labels: flag('labels'),
  }),
  helper: object('[helper]', { optional: flag('optional') }),
  metrics: object('[metrics]', { listen: optional(listen) }),
  log: object('[log]', { format: oneOf('format', 'text', 'json') }),
  process: object('[process]', {
    user: optional(text('user')),
    dropPrivileges: flag('drop_privileges'),
  }),
});

export const configurationDefinitions = {
  general,
  sync,
  stats,
  helper,
  settings,
  configuration: either(
    'conntrackd.conf',
    object('as it was read', {
      path: text('of the file'),
      parsed: object('what is in it', {
        config: either(
          'by mode',
          mode('sync', { sync: reference('#/$defs/sync') }),
          mode('stats', { stats: reference('#/$defs/stats') }),
          mode('helper', {}),
        ),
        warnings: list(
          'warnings about it',
          object('a warning', {
            line: integer('in the file'),
            column: integer('in the line'),
            message: text('for people'),
            when: oneOf('when C prints it', 'read', 'start'),
          }),
        ),
      }),
    }),
    object('it cannot be used', { path: text('of the file'), trouble: text('why') }),
  ),
  settingsFile: either(
    'the settings file',
    object('there is none', { path: text('of the file'), state: oneOf('how it is', 'absent') }),
    object('it is used', {
      path: text('of the file'),
      state: oneOf('how it is', 'usable'),
      ours: reference('#/$defs/settings'),
    }),
    object('it cannot be used', {
      path: text('of the file'),
      state: oneOf('how it is', 'unusable'),
      why: text('for people'),
    }),
  ),
};

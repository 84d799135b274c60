import { parseAddress } from '../flow/parse-address.ts';
import { OLDEST_VERSION, peerVersion } from '../sync/dialect/peer-version.ts';
import { AllowedTrafficError, parseAllowedTraffic } from './allowed-traffic.ts';
import { parseListenAddress } from './listen-address.ts';
import { ACTIVE_NODES, LATENCIES, LOG_FORMATS } from './settings.ts';

/** A value as TOML has it. */
export type Value = string | number | boolean | readonly Value[] | Date | { readonly [key: string]: Value };

/** What a key of a settings file takes. */
export interface ValueType {
  /** Ends the sentence "expected …". */
  readonly expected: string;
  accepts(value: Value): boolean;
  /** What each element of a list takes; the elements differ from each other. */
  readonly elements?: ElementType;
}

/** What an element of a list takes. */
export interface ElementType {
  /** Undefined for a good value, else what is wrong in it, and what is expected in its place. */
  mistake(value: Value): Mistake | undefined;
}

/** `found` is undefined where the whole value is the mistake. */
export interface Mistake {
  readonly found: string | undefined;
  readonly expected: string;
}

/** A key of a settings file: what it takes, and what people read about it, in the manual and in the example. */
export interface Setting extends ValueType {
  /** One sentence or more. */
  readonly help: string;
  /** As it stands behind `=`: the default where there is one. */
  readonly example: string;
}

function setting(type: ValueType, example: string, help: string): Setting {
  return { ...type, example, help };
}

/** A section of a settings file: its keys, and what each takes. */
export interface Section {
  /** What the section is for. */
  readonly help: string;
  readonly keys: Readonly<Record<string, Setting>>;
  /** Pairs of keys that exclude each other. */
  readonly exclusive: readonly (readonly [string, string])[];
  /** Keys that the section must have. */
  readonly required: readonly string[];
}

const text: ValueType = {
  expected: 'a string that is not empty, without control characters',
  accepts: (value) => typeof value === 'string' && /^\P{Cc}+$/u.test(value),
};

const absolutePath: ValueType = {
  expected: 'an absolute path',
  accepts: (value) => text.accepts(value) && (value as string).startsWith('/'),
};

const listenAddress: ValueType = {
  expected:
    'an address with a port, such as "127.0.0.1:9637" or "[::1]:9637", or the absolute path of a socket,',
  accepts: (value) => typeof value === 'string' && parseListenAddress(value) !== undefined,
};

/** Elements of a list at most. */
const LIST_MAX = 64;

/** A list of 1 to 64 elements; with `least` 0 it may be empty. */
function listOf(what: string, least: 0 | 1, elements: ElementType): ValueType {
  return {
    expected: `a list of ${least} to ${LIST_MAX} ${what}`,
    accepts: (value) => Array.isArray(value) && value.length >= least && value.length <= LIST_MAX,
    elements,
  };
}

/** Names as `dev_valid_name` in the kernel's net/core/dev.c has them: up to 15 bytes. */
const INTERFACE_NAME = /^(?!\.{1,2}$)[^\s/:\p{Cc}]+$/u;
const INTERFACE_NAME_MAX_BYTES = 15;

const interfaceName: ElementType = {
  mistake(value) {
    const isName =
      typeof value === 'string' &&
      INTERFACE_NAME.test(value) &&
      new TextEncoder().encode(value).length <= INTERFACE_NAME_MAX_BYTES;
    if (!isName) return { found: undefined, expected: `the name of a network interface` };
    return value === 'lo'
      ? { found: undefined, expected: 'an interface of a LAN, not the loopback' }
      : undefined;
  },
};

const unicastAddress: ElementType = {
  mistake(value) {
    const expected = 'the IPv4 or IPv6 address of one node, without prefix length or scope,';
    if (typeof value !== 'string') return { found: undefined, expected };
    try {
      const bytes = parseAddress(value);
      const isGroup = bytes.length === 4 ? bytes[0]! >= 224 : bytes[0] === 0xff;
      return isGroup || bytes.every((byte) => byte === 0) ? { found: undefined, expected } : undefined;
    } catch {
      return { found: undefined, expected };
    }
  },
};

const allowedTraffic: ElementType = {
  mistake(value) {
    if (typeof value !== 'string') return { found: undefined, expected: 'a string' };
    try {
      parseAllowedTraffic(value);
      return undefined;
    } catch (error) {
      if (!(error instanceof AllowedTrafficError)) throw error;
      return { found: error.found, expected: error.expected };
    }
  },
};

function wholeNumber(least: number, most: number, unit: string): ValueType {
  return {
    expected: `a whole number of ${unit} from ${least} to ${most}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
  };
}

const version: ValueType = {
  expected: `a version of conntrack-tools from ${OLDEST_VERSION} on, such as "1.4.6"`,
  accepts: (value) => typeof value === 'string' && peerVersion(value) !== undefined,
};

function oneOf(names: readonly string[]): ValueType {
  return {
    expected: names.map((name) => `"${name}"`).join(' or '),
    accepts: (value) => (names as readonly Value[]).includes(value),
  };
}

const boolean: ValueType = {
  expected: 'true or false',
  accepts: (value) => typeof value === 'boolean',
};

/** Seconds up to a day; 0 stands for never. */
const secondsOrNever: ValueType = {
  expected: 'whole seconds from 10 to 86400, or 0 for never,',
  accepts: (value) =>
    Number.isInteger(value) && (value === 0 || (Number(value) >= 10 && Number(value) <= 86_400)),
};

/** Every section that a settings file may have, by its name; a dot stands for a section within another. */
export const SECTIONS: Readonly<Record<string, Section>> = {
  failover: {
    help: 'Who tells the node its role in a failover.',
    keys: {
      keepalived_fifo: setting(
        absolutePath,
        '"/run/conntrackd-ts.fifo"',
        "keepalived's notify FIFO (vrrp_notify_fifo). The daemon makes it where it is missing. Without this key keepalived is not listened to.",
      ),
      instance: setting(
        text,
        '"VI_1"',
        'The VRRP instance whose changes count. Without instance and group those of all count.',
      ),
      group: setting(text, '"G1"', 'The VRRP sync group whose changes count; not together with instance.'),
    },
    exclusive: [['instance', 'group']],
    required: [],
  },
  'failover.guard': {
    help: 'Drops what arrives during a takeover and belongs to no flow of the kernel, until the flows are committed. Needs Linux 5.12.',
    keys: {
      interfaces: setting(
        listOf('names of network interfaces', 1, interfaceName),
        '["lan0", "wan0"]',
        "The interfaces of the LANs: those that clients' packets arrive on, and those that carry virtual addresses. They must exist when the daemon starts.",
      ),
      allow: setting(
        listOf('kinds of traffic', 0, allowedTraffic),
        '["192.0.2.0/24", "tcp 22", "udp 500-4500 from 198.51.100.7", "icmp"]',
        'What is let through nevertheless: a source with or without prefix length, or a protocol with a destination port or a range where it has ports, and "from" a source where it should. VRRP, multicast, neighbour discovery and what goes to the machine\'s own addresses pass in any case.',
      ),
      lift_after_seconds: setting(
        wholeNumber(1, 300, 'seconds'),
        '10',
        'The longest time of a takeover under guard.',
      ),
    },
    exclusive: [],
    required: ['interfaces'],
  },
  links: {
    help: 'Whose messages the dedicated links take, and how soon they carry a change.',
    keys: {
      senders: setting(
        listOf('addresses', 1, unicastAddress),
        '["192.0.2.1", "fe80::1"]',
        'Addresses that are taken besides the destination of a UDP or TCP link; on a multicast link they are taken alone.',
      ),
      accept_any_sender: setting(
        boolean,
        'false',
        "Take everybody's messages, as C does; not together with senders.",
      ),
      key_file: setting(
        absolutePath,
        '"/etc/conntrackd/link.key"',
        'A file with one or two keys that seal all that goes between nodes of ours, from conntrackd-ts genkey. Without it the links are plain. C nodes know no keys.',
      ),
      latency: setting(
        oneOf(LATENCIES),
        '"auto"',
        'What counts where events come fast: with "low" a change is sent at once, with "batched" up to 4 ms later and with others, which takes less than half the CPU; "auto" is "low" with DisableExternalCache, else "batched".',
      ),
    },
    exclusive: [['senders', 'accept_any_sender']],
    required: [],
  },
  standby: {
    help: 'What a hot standby (DisableExternalCache) does beyond what C does.',
    keys: {
      keep: setting(boolean, 'false', "Keep in the standby's kernel what the peer has not ended."),
      resync_seconds: setting(
        secondsOrNever,
        '300',
        'Seconds from one resync of a hot standby to the next; 0: none but those that have a cause.',
      ),
    },
    exclusive: [],
    required: [],
  },
  replication: {
    help: 'How a node stays equal to its peers.',
    keys: {
      resync_seconds: setting(
        secondsOrNever,
        '0',
        'Seconds from one time that everything is asked for, and in NOTRACK sent, to the next; 0: only where something is amiss.',
      ),
      active_nodes: setting(
        oneOf(ACTIVE_NODES),
        '"one"',
        'How many nodes forward at once. With "several" all share the flows of their kernels, and the end of one\'s copy ends no other; it needs Mode FTFW with DisableExternalCache on.',
      ),
    },
    exclusive: [],
    required: [],
  },
  peer: {
    help: 'What the other nodes are.',
    keys: {
      version: setting(
        version,
        '"1.4.6"',
        'The conntrack-tools of the peers. Where this is left out it is recognised from their messages.',
      ),
      labels: setting(boolean, 'true', 'Whether connection labels are sent and taken.'),
    },
    exclusive: [],
    required: [],
  },
  helper: {
    help: 'The Helper clause of conntrackd.conf.',
    keys: {
      optional: setting(
        boolean,
        'false',
        'Go on without the helpers where the kernel has no helpers in user space.',
      ),
    },
    exclusive: [],
    required: [],
  },
  metrics: {
    help: 'Metrics for Prometheus.',
    keys: {
      listen: setting(
        listenAddress,
        '"127.0.0.1:9637"',
        'Where HTTP requests for /metrics are answered. Without this key nowhere.',
      ),
    },
    exclusive: [],
    required: [],
  },
  log: {
    help: 'How the daemon writes its log.',
    keys: {
      format: setting(
        oneOf(LOG_FORMATS),
        '"text"',
        'Lines of the log file and of the console: "text" as C writes them, or "json", an object a line. syslog gets text.',
      ),
    },
    exclusive: [],
    required: [],
  },
  process: {
    help: 'With which rights the daemon runs.',
    keys: {
      user: setting(
        text,
        '"conntrackd"',
        "The user that the daemon becomes. The directories of its lock file and its control socket must be that user's.",
      ),
      drop_privileges: setting(
        boolean,
        'true',
        'Give up the capabilities that the daemon does not need; not together with user, which does so in any case.',
      ),
    },
    exclusive: [['user', 'drop_privileges']],
    required: [],
  },
};

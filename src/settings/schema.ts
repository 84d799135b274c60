import { parseAddress } from '../flow/parse-address.ts';
import { OLDEST_VERSION, peerVersion } from '../sync/dialect/peer-version.ts';
import { AllowedTrafficError, parseAllowedTraffic } from './allowed-traffic.ts';
import { parseListenAddress } from './listen-address.ts';

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

/** A section of a settings file: its keys, and what each takes. */
export interface Section {
  readonly keys: Readonly<Record<string, ValueType>>;
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
    keys: { keepalived_fifo: absolutePath, instance: text, group: text },
    exclusive: [['instance', 'group']],
    required: [],
  },
  'failover.guard': {
    keys: {
      interfaces: listOf('names of network interfaces', 1, interfaceName),
      allow: listOf('kinds of traffic', 0, allowedTraffic),
      lift_after_seconds: wholeNumber(1, 300, 'seconds'),
    },
    exclusive: [],
    required: ['interfaces'],
  },
  links: {
    keys: {
      senders: listOf('addresses', 1, unicastAddress),
      accept_any_sender: boolean,
      key_file: absolutePath,
    },
    exclusive: [['senders', 'accept_any_sender']],
    required: [],
  },
  standby: {
    keys: { keep: boolean, resync_seconds: secondsOrNever },
    exclusive: [],
    required: [],
  },
  peer: {
    keys: { version, labels: boolean },
    exclusive: [],
    required: [],
  },
  helper: {
    keys: { optional: boolean },
    exclusive: [],
    required: [],
  },
  metrics: {
    keys: { listen: listenAddress },
    exclusive: [],
    required: [],
  },
  process: {
    keys: { user: text, drop_privileges: boolean },
    exclusive: [['user', 'drop_privileges']],
    required: [],
  },
};

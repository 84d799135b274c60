import { parseAddress } from '../flow/parse-address.ts';

/** A value as TOML has it. */
export type Value = string | number | boolean | readonly Value[] | Date | { readonly [key: string]: Value };

/** What a key of a settings file takes. */
export interface ValueType {
  /** Ends the sentence "expected …". */
  readonly expected: string;
  accepts(value: Value): boolean;
}

/** A section of a settings file: its keys, and what each takes. */
export interface Section {
  readonly keys: Readonly<Record<string, ValueType>>;
  /** Keys that a section needs as soon as it is there. */
  readonly required: readonly string[];
  /** Pairs of keys that exclude each other. */
  readonly exclusive: readonly (readonly [string, string])[];
}

/** `linux/if.h`: an interface name has 1 to 15 bytes, no slash and no white space. */
const INTERFACE_NAME = /^[^/\s\p{Cc}]{1,15}$/u;

const text: ValueType = {
  expected: 'a string that is not empty, without control characters',
  accepts: (value) => typeof value === 'string' && /^\P{Cc}+$/u.test(value),
};

const absolutePath: ValueType = {
  expected: 'an absolute path',
  accepts: (value) => text.accepts(value) && (value as string).startsWith('/'),
};

const boolean: ValueType = { expected: "`true' or `false'", accepts: (value) => typeof value === 'boolean' };

function integer(min: number, max: number): ValueType {
  return {
    expected: `a whole number from ${min} to ${max}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  };
}

function listOf(what: string, accepts: (item: Value) => boolean, min: number, max: number): ValueType {
  return {
    expected: `a list of ${min} to ${max} ${what}`,
    accepts: (value) =>
      Array.isArray(value) &&
      value.length >= min &&
      value.length <= max &&
      value.every((item) => accepts(item)),
  };
}

function isInterfaceName(value: Value): boolean {
  return typeof value === 'string' && value !== '.' && value !== '..' && INTERFACE_NAME.test(value);
}

function isNetwork(value: Value): boolean {
  if (typeof value !== 'string') return false;
  const [address = '', prefix, more] = value.split('/');
  if (more !== undefined) return false;
  try {
    const bits = 8 * parseAddress(address).length;
    return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
  } catch {
    return false;
  }
}

/** Every section that a settings file may have, by its name. */
export const SECTIONS: Readonly<Record<string, Section>> = {
  failover: {
    keys: { keepalived_fifo: absolutePath, instance: text, group: text },
    required: [],
    exclusive: [['instance', 'group']],
  },
  'failover.guard': {
    keys: {
      interfaces: listOf('interface names', isInterfaceName, 1, 64),
      allow: listOf('addresses or networks', isNetwork, 0, 256),
      max_seconds: integer(1, 3600),
    },
    required: ['interfaces'],
    exclusive: [],
  },
  standby: { keys: { keep: boolean }, required: [], exclusive: [] },
};

import { OLDEST_VERSION, peerVersion } from '../sync/dialect/peer-version.ts';

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
  /** Pairs of keys that exclude each other. */
  readonly exclusive: readonly (readonly [string, string])[];
}

const text: ValueType = {
  expected: 'a string that is not empty, without control characters',
  accepts: (value) => typeof value === 'string' && /^\P{Cc}+$/u.test(value),
};

const absolutePath: ValueType = {
  expected: 'an absolute path',
  accepts: (value) => text.accepts(value) && (value as string).startsWith('/'),
};

const version: ValueType = {
  expected: `a version of conntrack-tools from ${OLDEST_VERSION} on, such as "1.4.6"`,
  accepts: (value) => typeof value === 'string' && peerVersion(value) !== undefined,
};

const boolean: ValueType = {
  expected: 'true or false',
  accepts: (value) => typeof value === 'boolean',
};

/** Every section that a settings file may have, by its name; a dot stands for a section within another. */
export const SECTIONS: Readonly<Record<string, Section>> = {
  failover: {
    keys: { keepalived_fifo: absolutePath, instance: text, group: text },
    exclusive: [['instance', 'group']],
  },
  peer: {
    keys: { version, labels: boolean },
    exclusive: [],
  },
};

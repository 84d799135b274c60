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

const truth: ValueType = {
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
  },
  standby: {
    keys: { keep: truth, resync_seconds: secondsOrNever },
    exclusive: [],
  },
};

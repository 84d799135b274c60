/** Metrics as data, before they are printed: families of samples, in the terms of Prometheus. */

/** Labels by name. Their values come from small sets: no address, port or file name, but in `top-families.ts`. */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** A distribution, whose counts are cumulative. */
export interface Distribution {
  readonly labels: Labels;
  /** Upper bounds, ascending, without +Inf; and how many values were not above each. */
  readonly buckets: readonly (readonly [bound: number, count: number])[];
  readonly count: number;
  readonly sum: number;
}

/** Metrics of one name. Whoever makes one ends the name of a counter with `_total`, and gives base units. */
export type Family =
  | {
      readonly type: 'counter' | 'gauge';
      readonly name: string;
      readonly help: string;
      readonly samples: readonly Sample[];
    }
  | {
      readonly type: 'histogram';
      readonly name: string;
      readonly help: string;
      readonly samples: readonly Distribution[];
    };

/** A value by its labels; undefined where there is none to report. */
type Reading = readonly [Labels, number | undefined];

const NO_LABELS: Labels = {};

function samplesOf(readings: number | undefined | readonly Reading[]): Sample[] {
  const all: readonly Reading[] = Array.isArray(readings)
    ? (readings as readonly Reading[])
    : [[NO_LABELS, readings as number | undefined]];
  return all.flatMap(([labels, value]) => (value === undefined ? [] : [{ labels, value }]));
}

/** What only grows. */
export function counter(
  name: `${string}_total`,
  help: string,
  readings: number | undefined | readonly Reading[],
): Family {
  return { type: 'counter', name, help, samples: samplesOf(readings) };
}

/** What goes up and down. */
export function gauge(name: string, help: string, readings: number | undefined | readonly Reading[]): Family {
  return { type: 'gauge', name, help, samples: samplesOf(readings) };
}

export function histogram(name: string, help: string, samples: readonly Distribution[]): Family {
  return { type: 'histogram', name, help, samples };
}

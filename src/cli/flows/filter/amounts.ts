/** Numbers with units, and comparisons with them, as people type them. */

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const FACTORS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** Seconds of `90`, `90s`, `5m`, `1h30m`, `2d`; undefined for other text. */
export function parseDuration(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  if (!/^(\d+[smhdw])+$/.test(text)) return undefined;
  let seconds = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)([smhdw])/g))
    seconds += Number(number) * SECONDS[unit!]!;
  return seconds;
}

/** The number of `1500`, `1.5k`, `10M`, `2G` (powers of 1000); undefined for other text. */
export function parseQuantity(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)([kmgt]?)b?$/i.exec(text);
  return found === null ? undefined : Number(found[1]) * FACTORS[found[2]!.toLowerCase()]!;
}

/** A number from 0 to `max`, decimal or with `0x`; undefined for other text. */
export function parseWhole(text: string, max: number): number | undefined {
  if (!/^(\d{1,15}|0x[0-9a-f]{1,8})$/i.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

export const Comparison = {
  '>': (one: number, other: number) => one > other,
  '>=': (one: number, other: number) => one >= other,
  '<': (one: number, other: number) => one < other,
  '<=': (one: number, other: number) => one <= other,
  '=': (one: number, other: number) => one === other,
} as const;
export type ComparisonSign = keyof typeof Comparison;

/** `>1h`: the sign and what follows; undefined where there is no sign. */
export function splitComparison(text: string): readonly [ComparisonSign, string] | undefined {
  const found = /^(>=|<=|>|<|=)(.+)$/.exec(text);
  return found === null ? undefined : [found[1] as ComparisonSign, found[2]!];
}

const SPANS: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
];

/** Two units at most: `4d23h`, `59m1s`, `0s`. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const first = SPANS.findIndex(([, size]) => whole >= size);
  if (first < 0) return '0s';
  const [unit, size] = SPANS[first]!;
  const text = `${Math.floor(whole / size)}${unit}`;
  const next = SPANS[first + 1];
  if (next === undefined) return text;
  const rest = Math.floor((whole % size) / next[1]);
  return rest === 0 ? text : `${text}${rest}${next[0]}`;
}

/** At most 5 characters: `999`, `1.5k`, `15M`, `1.2G`. Powers of 1000. */
export function quantityText(value: number): string {
  let rest = value;
  for (const unit of ['', 'k', 'M', 'G', 'T', 'P']) {
    if (rest < 999.5 || unit === 'P') {
      const digits = unit !== '' && rest < 9.95 ? 1 : rest < 9.95 && !Number.isInteger(rest) ? 1 : 0;
      return `${rest.toFixed(digits)}${unit}`;
    }
    rest /= 1000;
  }
  return '';
}

/** What the keys of `top` do, as changes of what it is set to. No terminal is touched here. */

import { WordError } from '../filter/error.ts';
import { parseFilter } from '../filter/parse.ts';
import { ORDERS, type Order } from './ranking.ts';

/** What somebody at the screen can change. */
export interface Controls {
  readonly by: string;
  readonly order: Order;
  readonly everyMs: number;
  readonly isHeld: boolean;
  readonly isHelpShown: boolean;
  /** The words of the filter. */
  readonly filterText: string;
  /** What is typed behind `/`; undefined while nothing is. */
  readonly typed?: string;
  readonly message?: string;
  readonly isOver: boolean;
}

/** What `g` groups by, in turn; what the command line names comes before. */
const GROUPINGS: readonly string[] = [
  'src',
  'dst',
  'dport',
  'proto',
  'state',
  'src/24',
  'dst,dport',
  'zone',
  'mark',
];

const EVERY_MS = [1000, 2000, 5000, 10_000, 30_000, 60_000];

/** Longest filter that can be typed, in characters. */
const TYPED_MAX = 1000;

function next<T>(values: readonly T[], value: T, step: 1 | -1): T {
  const at = values.indexOf(value);
  return values[(Math.max(at, step > 0 ? -1 : 0) + step + values.length) % values.length]!;
}

/** `+` and `-` do not go round. */
function pace(everyMs: number, step: 1 | -1): number {
  const found = step > 0 ? EVERY_MS.find((ms) => ms > everyMs) : EVERY_MS.findLast((ms) => ms < everyMs);
  return found ?? everyMs;
}

function typing(controls: Controls, typed: string, key: string): Controls {
  const { typed: _, ...others } = controls;
  if (key === '\r' || key === '\n') {
    try {
      parseFilter([typed]);
      return { ...others, filterText: typed.trim() };
    } catch (error) {
      if (!(error instanceof WordError)) throw error;
      return { ...others, message: error.message };
    }
  }
  if (key === '\x1b') return others;
  if (key === '\x7f' || key === '\b') return { ...controls, typed: typed.slice(0, -1) };
  // Ctrl-U
  if (key === '\x15') return { ...controls, typed: '' };
  return key >= ' ' && key.length === 1 && typed.length < TYPED_MAX
    ? { ...controls, typed: typed + key }
    : controls;
}

/** The controls after a key. Keys that mean nothing change nothing. */
export function pressKey(before: Controls, key: string): Controls {
  if (key === '\x03') return { ...before, isOver: true };
  if (before.typed !== undefined) return typing(before, before.typed, key);
  // A message has been read when the next key is pressed.
  const { message: _, ...controls } = before;
  switch (key) {
    case 'q':
    case 'Q':
      return { ...controls, isOver: true };
    case 's':
      return { ...controls, order: next(ORDERS, controls.order, 1) };
    case 'S':
      return { ...controls, order: next(ORDERS, controls.order, -1) };
    case 'g':
      return { ...controls, by: next(GROUPINGS, controls.by, 1) };
    case 'G':
      return { ...controls, by: next(GROUPINGS, controls.by, -1) };
    case '/':
      return { ...controls, typed: controls.filterText };
    case '+':
      return { ...controls, everyMs: pace(controls.everyMs, 1) };
    case '-':
      return { ...controls, everyMs: pace(controls.everyMs, -1) };
    case ' ':
      return { ...controls, isHeld: !controls.isHeld };
    case 'h':
    case '?':
      return { ...controls, isHelpShown: !controls.isHelpShown };
    default:
      return controls;
  }
}

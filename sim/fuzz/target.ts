import type { Random } from '../random.ts';
import { type Grammar, INPUT_MAX } from './input.ts';

/** What is true of the code under test was not true of this input. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** A part of the program that takes bytes from outside. */
export interface Target {
  readonly name: string;
  readonly grammar: Grammar;
  /** Its share of the cases. */
  readonly weight: number;
  /** Inputs to begin with. */
  seeds(random: Random): readonly Uint8Array[];
  /**
   * Gives it `input[0, length)`, which is the caller's again afterwards. Returns how many cases that was.
   * @throws Violation, or what the code under test threw and never should
   */
  run(input: Uint8Array, length: number): number | Promise<number>;
}

export function ensure(holds: boolean, what: () => string): void {
  if (!holds) throw new Violation(what());
}

/** Bytes before and behind an input. A multiple of 8, so that an input is as aligned as its memory. */
export const MARGIN = 256;

const POISONS = [0xa5, 0x00] as const;

/**
 * The same input in two memories that differ in every byte around it: whoever reads outside the input gives himself
 * away by different results.
 */
export class GuardedInput {
  readonly memories: readonly [Uint8Array, Uint8Array];
  readonly start = MARGIN;
  end = MARGIN;

  constructor() {
    this.memories = [memory(POISONS[0]), memory(POISONS[1])];
  }

  place(input: Uint8Array, length: number): void {
    for (let n = 0; n < 2; n++) {
      const bytes = this.memories[n]!;
      for (let at = 0; at < length; at++) bytes[MARGIN + at] = input[at]!;
      const end = MARGIN + length;
      if (this.end > end) bytes.fill(POISONS[n]!, end, this.end);
    }
    this.end = MARGIN + length;
  }
}

function memory(poison: number): Uint8Array {
  return new Uint8Array(INPUT_MAX + 2 * MARGIN).fill(poison);
}

/** Mixes a number into a hash. */
export function mixed(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193) ^ (hash >>> 15);
}

export function hashOf(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let hash = seed ^ (end - start);
  for (let at = start; at < end; at++) hash = mixed(hash, bytes[at]!);
  return hash;
}

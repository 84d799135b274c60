import type { Tuple } from './tuple.ts';

/** Bits of `Expectation.flags`, `NF_CT_EXPECT_*` in the kernel's `nf_conntrack_common.h`. */
export const ExpectationFlag = {
  PERMANENT: 1,
  INACTIVE: 2,
  USERSPACE: 4,
} as const;

export interface ExpectationNat {
  readonly tuple: Tuple;
  /** 0: original direction, 1: reply. */
  readonly direction?: number;
}

/** A flow that a helper expects to begin, on behalf of its master. */
export interface Expectation {
  /** Original tuple of the master flow. */
  readonly master: Tuple;
  readonly expected: Tuple;
  /** Which bits of `expected` count. Its protocol is a mask too. */
  readonly mask?: Tuple;
  /** Seconds until the expectation lapses. */
  readonly timeout?: number;
  /** `ExpectationFlag` bits. */
  readonly flags?: number;
  readonly class?: number;
  readonly nat?: ExpectationNat;
  readonly helper?: string;
  /** Name of the kernel function that sets up the expected flow. */
  readonly function?: string;
}

import type { IdleClock } from '../../../flow/listed/idle.ts';
import type { ListedFlow } from '../../../flow/listed/listed-flow.ts';

/**
 * What a test says of a flow. What is not known stays so through `not`, `and` and `or` (Kleene's logic), and a filter passes
 * only what it is sure of: `not idle '<1h'` names no flow whose idle time nobody knows.
 */
export const Truth = { NO: 0, YES: 1, UNKNOWN: -1 } as const;
export type Truth = (typeof Truth)[keyof typeof Truth];

/** What a test may ask beside the flow. */
export interface FlowContext {
  readonly idle: IdleClock;
  /** Seconds since 1970. */
  readonly now: () => number;
}

export type Test = (flow: ListedFlow, context: FlowContext) => Truth;

export function truth(holds: boolean): Truth {
  return holds ? Truth.YES : Truth.NO;
}

export function negate(test: Test): Test {
  return (flow, context) => {
    const said = test(flow, context);
    return said === Truth.UNKNOWN ? said : truth(said === Truth.NO);
  };
}

export function allOf(tests: readonly Test[]): Test {
  if (tests.length === 1) return tests[0]!;
  return (flow, context) => {
    let said: Truth = Truth.YES;
    for (const test of tests) {
      const one = test(flow, context);
      if (one === Truth.NO) return one;
      if (one === Truth.UNKNOWN) said = one;
    }
    return said;
  };
}

export function anyOf(tests: readonly Test[]): Test {
  if (tests.length === 1) return tests[0]!;
  return (flow, context) => {
    let said: Truth = Truth.NO;
    for (const test of tests) {
      const one = test(flow, context);
      if (one === Truth.YES) return one;
      if (one === Truth.UNKNOWN) said = one;
    }
    return said;
  };
}

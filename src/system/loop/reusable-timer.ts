/** A timer that calls back once each time it is set. */
export interface ReusableTimer {
  /** Calls back so many milliseconds from now, or up to one later, instead of at an earlier time that was set. */
  set(milliseconds: number): void;
  /** Does not call back. */
  clear(): void;
}

/** Calls `act` once, in `milliseconds`; returns what cancels that. */
export type CallAfter = (milliseconds: number, act: () => void) => () => void;

/** A reusable timer made of timers for a single use. */
export function timerFrom(after: CallAfter, act: () => void): ReusableTimer {
  let cancel = () => {};
  return {
    set: (milliseconds) => {
      cancel();
      cancel = after(milliseconds, act);
    },
    clear: () => cancel(),
  };
}

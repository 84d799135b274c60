import { loopTimer } from '../loop/event-loop.ts';
import { type ReusableTimer, timerFrom } from '../loop/reusable-timer.ts';

interface Chore {
  readonly act: () => void;
  readonly intervalMs: number;
  /** From when on, and until when at the latest, it is to be done; milliseconds of `performance.now`. */
  dueAt: number;
  latestAt: number;
}

/** The part of its interval that a chore may come late. */
const SLACK = 0.5;

const chores = new Set<Chore>();
let timer: ReusableTimer | undefined;
let timerAt = Number.POSITIVE_INFINITY;

/**
 * Calls `act` about every `intervalMs` milliseconds, for work that may be late by half of that: it waits for another timer that
 * fires anyway ({@link doChores}), and has one of its own only where there is none. So what looks after a process that is idle
 * does not wake it. Returns what ends it.
 */
export function everyAbout(intervalMs: number, act: () => void): () => void {
  const chore: Chore = { act, intervalMs, dueAt: 0, latestAt: 0 };
  putOff(chore, performance.now());
  chores.add(chore);
  armTimer();
  return () => {
    chores.delete(chore);
    armTimer();
  };
}

/** The process is awake: does what is due. */
export function doChores(): void {
  const now = performance.now();
  let isAnyDone = false;
  for (const chore of chores) {
    if (now < chore.dueAt) continue;
    putOff(chore, now);
    isAnyDone = true;
    chore.act();
  }
  if (isAnyDone) armTimer();
}

function putOff(chore: Chore, now: number): void {
  chore.dueAt = now + chore.intervalMs;
  chore.latestAt = chore.dueAt + chore.intervalMs * SLACK;
}

function armTimer(): void {
  let at = Number.POSITIVE_INFINITY;
  for (const { latestAt } of chores) at = Math.min(at, latestAt);
  if (at === timerAt) return;
  timerAt = at;
  timer ??= loopTimer(fire) ?? timerFrom(afterTimeout, fire);
  if (at < Number.POSITIVE_INFINITY) timer.set(Math.max(0, at - performance.now()));
  else timer.clear();
}

function afterTimeout(milliseconds: number, act: () => void): () => void {
  const timeout = setTimeout(act, milliseconds);
  return () => clearTimeout(timeout);
}

function fire(): void {
  timerAt = Number.POSITIVE_INFINITY;
  doChores();
  armTimer();
}

/**
 * Makes and ends flows in the kernel of the namespace it runs in, at a rate, until its standard input ends. The argument is a
 * {@link ChurnWork} as JSON. Takes the lines `pause` and `resume`, and answers each with a {@link ChurnReport} as JSON.
 */

import { createInterface } from 'node:readline';
import { Origin } from '../../src/flow/change.ts';
import { Ctnetlink } from '../../src/kernel/ctnetlink/ctnetlink.ts';
import type { ChurnReport, ChurnWork } from './churn.ts';
import { numberedRecord } from './numbered-flow.ts';
import { Schedule } from './schedule.ts';

const { oldest, next, ratePerSecond } = JSON.parse(process.argv[2]!) as ChurnWork;
const TICK_MS = 5;
const flow = numberedRecord();
const { bytes } = flow;
const kernel = new Ctnetlink({ timeout: true, windowScale: false, events: false });
const batch = kernel.batch(Origin.COMMIT);
let made = 0;
let refused = 0;

/** Every other event ends the oldest flow; the others begin one. */
function putEvent(): void {
  const pair = made >>> 1;
  if (made % 2 === 0) {
    flow.become(oldest + pair, 0);
    batch.remove(bytes, 0, bytes.length);
  } else {
    flow.become(next + pair, 0);
    batch.create(bytes, 0, bytes.length, 0, true);
  }
  made++;
}

function runBatch(): void {
  // A flow may be gone already, or be there: a firewall that takes over flushes its table and commits.
  for (const errno of kernel.run(batch)) if (errno !== 0) refused++;
  batch.clear();
}

function makeDue(schedule: Schedule, madeBefore: number): void {
  for (
    let left = schedule.due(made - madeBefore, performance.now()) - (made - madeBefore);
    left > 0;
    left--
  ) {
    putEvent();
    if (batch.full) runBatch();
  }
  runBatch();
}

let timer: NodeJS.Timeout | undefined;

function resume(): void {
  clearInterval(timer);
  const schedule = new Schedule(ratePerSecond, performance.now());
  const before = made;
  timer = setInterval(() => makeDue(schedule, before), TICK_MS);
}

/** Whole pairs only, so that the number of flows stays the same. */
function pause(): void {
  clearInterval(timer);
  if (made % 2 === 1) putEvent();
  runBatch();
}

function report(): void {
  const state: ChurnReport = { oldest: oldest + (made >>> 1), next: next + (made >>> 1), made, refused };
  console.log(JSON.stringify(state));
}

const actions: Readonly<Record<string, () => void>> = { pause, resume };
resume();
report();
createInterface({ input: process.stdin })
  .on('line', (line) => {
    actions[line]?.();
    report();
  })
  .on('close', () => process.exit(0));

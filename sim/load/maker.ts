/**
 * Makes events in the kernel of the namespace it runs in, at a rate, in batches of requests. The argument is a
 * {@link Work} as JSON. Prints a {@link Made} as JSON at the end. Fails if the kernel refuses a request.
 */

import { Origin } from '../../src/flow/change.ts';
import { Ctnetlink } from '../../src/kernel/ctnetlink/ctnetlink.ts';
import type { Batch } from '../../src/kernel/kernel.ts';
import { numberedRecord } from './numbered-flow.ts';
import { Schedule } from './schedule.ts';
import type { Made, Work } from './work.ts';

const work = JSON.parse(process.argv[2]!) as Work;
const flow = numberedRecord(work.stage);
const { bytes } = flow;
const kernel = new Ctnetlink({ timeout: true, windowScale: false, events: false });
const batch = kernel.batch(Origin.COMMIT);
/** Sleeps without a turn of the event loop: Node's timers would be late at 1 ms. */
const cell = new Int32Array(new SharedArrayBuffer(4));

/** Adds the nth event's request to a batch. */
const add: Readonly<Record<Work['change'], (to: Batch, n: number) => void>> = {
  new: (to, n) => {
    flow.become(work.first + n, work.mark);
    to.create(bytes, 0, bytes.length, 0, true);
  },
  update: (to, n) => {
    flow.become(work.first + n, work.mark);
    to.update(bytes, 0, bytes.length, 0, true);
  },
  destroy: (to, n) => {
    flow.become(work.first + n, work.mark);
    to.remove(bytes, 0, bytes.length);
  },
};

function run(): void {
  for (const errno of kernel.run(batch)) {
    if (errno !== 0) throw new Error(`the kernel refused a request: errno ${errno}`);
  }
  batch.clear();
}

/** Batches to fill without running them, so that the first second is like the others. */
const WARM_UP = 200;
/** Shortest sleep in milliseconds: a wake-up costs the machine more than a few events. */
const SLEEP = 0.25;

const { count, rate, change } = work;
const put = add[change];
for (let n = 0; n < WARM_UP; n++) {
  while (!batch.full) put(batch, n);
  batch.clear();
}
const begin = performance.now();
const schedule = rate === undefined ? undefined : new Schedule(rate, begin);
for (let made = 0; made < count; ) {
  const now = performance.now();
  const due = Math.min(count, schedule?.due(made, now) ?? count);
  if (schedule !== undefined && due <= made) {
    Atomics.wait(cell, 0, 0, Math.max(SLEEP, schedule.until(made, now)));
    continue;
  }
  while (made < due && !batch.full) put(batch, made++);
  run();
}
const made: Made = { seconds: (performance.now() - begin) / 1000 };
kernel.close();
console.log(JSON.stringify(made));

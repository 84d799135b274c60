/**
 * Creates flows in the kernel of the namespace it runs in, at the kernel's own speed: all requests are prepared before, in the
 * batches of a commit, and then sent one batch after the other. The argument is their number; prints a {@link BareTime} as JSON.
 * Fails if the kernel refuses a request.
 */

import { numberedRecord } from '../../sim/load/numbered-flow.ts';
import { Origin } from '../../src/flow/change.ts';
import { KERNEL, openNetfilterSocket } from '../../src/kernel/ctnetlink/netfilter-socket.ts';
import { RequestBatch } from '../../src/kernel/ctnetlink/requests/request-batch.ts';
import { libc, MSG_DONTWAIT } from '../../src/system/libc.ts';
import { messageErrno } from '../../src/system/netlink.ts';
import { SCHED_RR, setScheduler } from '../../src/system/scheduling.ts';

export interface BareTime {
  readonly ms: number;
  /** User and system time. */
  readonly cpuMs: number;
}

const count = Number(process.argv[2]);
/** Seconds, as of the flows that the bench makes. */
const TIMEOUT = 3600;

const REALTIME_MAX = 99;

const requests: Uint8Array[] = [];
const batch = new RequestBatch(Origin.COMMIT, () => 1);
const flow = numberedRecord();
for (let n = 0; n < count; ) {
  for (; n < count && !batch.full; n++) {
    flow.become(n, 0);
    batch.create(flow.bytes, 0, flow.bytes.length, TIMEOUT, true);
  }
  requests.push(batch.writer.bytes.slice(0, batch.writer.at));
  batch.clear();
}

const system = libc();
const fd = openNetfilterSocket(system, 0, () => {});
/** Nothing gets before a node that commits, either: both programs run in real time unless they are told otherwise. */
setScheduler(SCHED_RR, REALTIME_MAX);
const answer = new Uint8Array(new ArrayBuffer(4096));
const begin = performance.now();
const cpu = process.cpuUsage();
for (const bytes of requests) {
  const sent = system.sendTo(fd, bytes, bytes.length, 0, KERNEL);
  if (sent !== bytes.length) throw new Error(`sendto returned ${sent}`);
  // The one answer of a batch is there when sendto returns; a refused request has one of its own.
  const received = system.receive(fd, answer, MSG_DONTWAIT);
  if (received < 0) throw new Error(`no answer: errno ${-received}`);
  const errno = messageErrno(answer, 0);
  if (errno !== 0) throw new Error(`the kernel refused a request: errno ${errno}`);
}
const { user, system: inKernel } = process.cpuUsage(cpu);
const time: BareTime = { ms: performance.now() - begin, cpuMs: (user + inKernel) / 1000 };
system.close(fd);
console.log(JSON.stringify(time));

import { expect, it } from 'vitest';
import type { EventMessages } from '../../src/kernel/ctnetlink/event-messages.ts';
import { EventSocket } from '../../src/kernel/ctnetlink/event-socket.ts';
import { type KernelSink, kernelCounters, ReadResult } from '../../src/kernel/kernel.ts';
import { Errno } from '../../src/system/errno.ts';
import type { Libc } from '../../src/system/libc.ts';

const SINK: KernelSink = { flow: () => {}, expectation: () => {}, traffic: () => {} };

/**
 * A netlink socket's buffer as the kernel has it (netlink_broadcast_deliver, netlink_overrun, netlink_recvmsg, do_recvmmsg): after
 * an overrun nothing is delivered until recvmsg has left the queue empty, and recvmmsg takes an error before it calls recvmsg.
 */
class Congestible {
  private queue = 0;
  private congested = false;
  private error = 0;

  /** An event; the buffer may be full. */
  deliver(full = false): void {
    if (!full && !this.congested) {
      this.queue++;
      return;
    }
    if (!this.congested) this.error = Errno.ENOBUFS;
    this.congested = true;
  }

  private takeError(): number {
    const { error } = this;
    this.error = 0;
    return -error;
  }

  private recvmsg(peek: boolean): number {
    let result = this.takeError();
    if (result === 0) {
      if (this.queue === 0) result = -Errno.EAGAIN;
      else if (!peek) this.queue--;
    }
    if (this.queue === 0) this.congested = false;
    return result;
  }

  readonly calls: Pick<Libc, 'getsockoptInt' | 'receive' | 'receiveMany'> = {
    getsockoptInt: () => 8192,
    receive: () => this.recvmsg(true),
    receiveMany: (_fd, _headers, count) => {
      const error = this.takeError();
      if (error !== 0) return error;
      for (let n = 0; n < count; n++) {
        const result = this.recvmsg(false);
        if (result === 0) continue;
        if (n === 0) return result;
        if (result !== -Errno.EAGAIN) this.error = -result;
        return n;
      }
      return count;
    },
  };
}

function opened() {
  const kernel = new Congestible();
  let count = 0;
  const messages = { take: () => count++ } as unknown as EventMessages;
  const counters = kernelCounters();
  const socket = new EventSocket(kernel.calls as Libc, 3, messages, counters);
  return { kernel, socket, taken: () => count };
}

it('goes on reading events after an overrun of a buffer that was empty already', () => {
  const { kernel, socket, taken } = opened();
  kernel.deliver();
  expect(socket.read(SINK, 100)).toBe(ReadResult.DRAINED);
  // The kernel saw the buffer full before that read, and reports it after it.
  kernel.deliver(true);
  expect(socket.read(SINK, 100)).toBe(ReadResult.OVERRUN);
  kernel.deliver();
  expect(socket.read(SINK, 100)).toBe(ReadResult.DRAINED);
  expect(taken()).toBe(2);
});

it('takes what waits behind an overrun', () => {
  const { kernel, socket, taken } = opened();
  for (let n = 0; n < 10; n++) kernel.deliver();
  kernel.deliver(true);
  kernel.deliver();
  expect(socket.read(SINK, 100)).toBe(ReadResult.OVERRUN);
  expect(socket.read(SINK, 100)).toBe(ReadResult.DRAINED);
  expect(taken()).toBe(10);
  kernel.deliver();
  expect(socket.read(SINK, 100)).toBe(ReadResult.DRAINED);
  expect(taken()).toBe(11);
});

import { availableParallelism } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missingForLab } from '../../sim/netns/availability.ts';
import { createNamespace } from '../../sim/netns/namespace.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { Origin } from '../../src/flow/change.ts';
import { Status } from '../../src/flow/status.ts';
import { QueueSocket } from '../../src/kernel/ctnetlink/requests/queue-socket.ts';
import { RequestBatch } from '../../src/kernel/ctnetlink/requests/request-batch.ts';
import { RequestQueue } from '../../src/kernel/ctnetlink/requests/request-queue.ts';
import { openAnsweredSocket } from '../../src/kernel/ctnetlink/requests/request-socket.ts';
import { KernelError } from '../../src/kernel/kernel.ts';
import { Errno } from '../../src/system/errno.ts';
import type { SendRing } from '../../src/system/io-uring/send-ring.ts';
import { libc } from '../../src/system/libc.ts';
import { SystemError } from '../../src/system/system-error.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { inside } from '../kernel/inside.ts';

describe.skipIf(missingForLab().length > 0)('a queue of requests', () => {
  const system = libc();
  let scope: Scope;
  let fd: number;
  let sequence = 1;
  let ring: SendRing | undefined;

  beforeEach(async () => {
    scope = openScope('ctq');
    const { name } = await createNamespace(scope, 'fw');
    fd = inside(name, () => openAnsweredSocket(system));
    ring = undefined;
  });

  afterEach(async () => {
    system.close(fd);
    await scope.close();
  });

  /** A queue whose socket has the ring that a test puts there. */
  function open(): RequestQueue {
    const socket = {
      fd,
      openRing: () => ring,
      abandonRing: () => {
        ring = undefined;
      },
    } as unknown as QueueSocket;
    const reserve = (count: number) => {
      const first = sequence;
      sequence += count;
      return first;
    };
    return new RequestQueue(
      system,
      socket,
      (room) => new RequestBatch(Origin.COMMIT, reserve, undefined, room),
    );
  }

  function fill(queue: RequestQueue, from: number, count: number): void {
    for (let port = from; port < from + count; port++) {
      const record = encodeFlow({
        original: {
          family: 4,
          source: '192.0.2.1',
          destination: '198.51.100.1',
          protocol: 17,
          ports: { source: port, destination: 53 },
        },
        status: Status.CONFIRMED,
      });
      queue.batch.create(record, 0, record.length, 100, true);
    }
  }

  it('needs no ring', () => {
    const queue = open();
    const answers: number[] = [];
    for (let batch = 0; batch < 6; batch++) {
      // The last flow of each is the first of the next.
      fill(queue, 1000 + 499 * batch, 500);
      queue.send();
      expect(queue.isAnswered).toBe(true);
      if (queue.isFull) while (queue.underway > 0) answers.push(...queue.takeAnswers());
    }
    while (queue.underway > 0) answers.push(...queue.takeAnswers());
    queue.close();
    expect(answers).toEqual(
      Array.from({ length: 3000 }, (_, n) => (n > 0 && n % 500 === 0 ? Errno.EEXIST : 0)),
    );
  });

  it('gives the error of a send that failed in the background', () => {
    const queue = open();
    const sent: number[] = [];
    ring = {
      send: () => sent.push(1),
      hasResult: true,
      wait: () => true,
      takeResult: () => -Errno.EPERM,
    } as unknown as SendRing;
    for (let batch = 0; batch < 2; batch++) {
      fill(queue, 1000 + 10 * batch, 10);
      queue.send();
    }
    expect(sent).toHaveLength(1);
    expect([...queue.takeAnswers()]).toEqual(Array(10).fill(0));
    expect(() => queue.takeAnswers()).toThrowError(/needs CAP_NET_ADMIN/);
    expect(queue.underway).toBe(0);
    queue.close();
  });

  it('ends when a ring does not answer, and is given up', () => {
    const first = open();
    let waits = 0;
    ring = {
      send: () => {},
      hasResult: false,
      wait: () => {
        waits++;
        return false;
      },
      close: () => {},
    } as unknown as SendRing;
    for (let batch = 0; batch < 3; batch++) {
      fill(first, 1000 + 10 * batch, 10);
      first.send();
    }
    first.takeAnswers();
    expect(first.isAnswered).toBe(false);
    expect(() => first.takeAnswers()).toThrowError(KernelError);
    expect(first.underway).toBe(0);
    first.close();
    expect([waits, ring]).toEqual([1, undefined]);
    const second = open();
    fill(second, 2000, 10);
    second.send();
    expect([...second.takeAnswers()]).toEqual(Array(10).fill(0));
    second.close();
  });

  it('gives up a ring whose thread cannot be woken, with what is under way', () => {
    const queue = open();
    let sends = 0;
    ring = {
      send: () => {
        if (++sends === 2) throw new SystemError('io_uring_enter', Errno.EPERM, 'Operation not permitted');
      },
      wait: () => expect.unreachable('a ring that failed is asked'),
    } as unknown as SendRing;
    for (let batch = 0; batch < 2; batch++) {
      fill(queue, 1000 + 10 * batch, 10);
      queue.send();
    }
    fill(queue, 2000, 10);
    expect(() => queue.send()).toThrowError(KernelError);
    expect([queue.underway, ring]).toEqual([0, undefined]);
    queue.close();
  });

  it.skipIf(availableParallelism() < 2)('opens no other ring when one has failed', () => {
    const socket = new QueueSocket(system);
    expect(socket.openRing()).toBeDefined();
    expect(socket.openRing()).toBe(socket.openRing());
    socket.abandonRing();
    expect(socket.openRing()).toBeUndefined();
    socket.close();
  });
});

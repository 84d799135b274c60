import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { missingForLab } from '../../sim/netns/availability.ts';
import { createNamespace } from '../../sim/netns/namespace.ts';
import { openScope } from '../../sim/netns/scope.ts';
import { Origin } from '../../src/flow/change.ts';
import { Status } from '../../src/flow/status.ts';
import { Ctnetlink } from '../../src/kernel/ctnetlink/ctnetlink.ts';
import { KernelError } from '../../src/kernel/kernel.ts';
import { libc } from '../../src/system/libc.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { describeKernel } from '../kernel/behaviour.ts';
import { inside } from '../kernel/inside.ts';

const ORIGINAL = {
  family: 4,
  source: '192.0.2.1',
  destination: '198.51.100.1',
  protocol: 17,
  ports: { source: 1, destination: 53 },
} as const;

describe.skipIf(missingForLab().length > 0)('ctnetlink', () => {
  describeKernel('the kernel', async ({ smallQueue, windowScale = false } = {}) => {
    const scope = openScope('ctk');
    const { name } = await createNamespace(scope, 'fw');
    const kernel = inside(name, () => {
      const opened = new Ctnetlink({
        timeout: true,
        windowScale,
        expectations: true,
        commits: true,
        eventBuffer: smallQueue ? 8192 : 4 << 20,
      });
      opened.batch(Origin.INJECT);
      return opened;
    });
    return {
      kernel,
      dumpFlows: () => inside(name, () => kernel.dumpFlows()),
      dumpUnansweredFlows: () => inside(name, () => kernel.dumpUnansweredFlows()),
      dumpShiftedFlows: () => inside(name, () => kernel.dumpShiftedFlows()),
      dumpExpectations: () => inside(name, () => kernel.dumpExpectations()),
      pass: (seconds) => sleep(seconds * 1000).then(() => {}),
      async close() {
        kernel.close();
        await scope.close();
      },
    };
  });

  it('leaves no descriptor open', async () => {
    const scope = openScope('ctk');
    try {
      const { name } = await createNamespace(scope, 'fw');
      const next = () => {
        const fd = libc().socket(1, 2, 0);
        libc().close(fd);
        return fd;
      };
      inside(name, () => {
        const before = next();
        for (let n = 0; n < 5; n++) {
          const kernel = new Ctnetlink({ timeout: true, windowScale: false, commits: true });
          kernel.dumpFlows().close();
          kernel.batch(Origin.INJECT);
          const queue = kernel.openQueue();
          for (let batch = 0; batch < 3; batch++) {
            const record = encodeFlow({ original: ORIGINAL, status: Status.CONFIRMED });
            queue.batch.probe(record, 0, record.length);
            queue.send();
          }
          if (n === 0) queue.close();
          kernel.close();
          kernel.close();
        }
        expect(next()).toBe(before);
      });
    } finally {
      await scope.close();
    }
  });

  it('refuses a program that is no event filter', () => {
    expect(
      () => new Ctnetlink({ timeout: true, windowScale: false, eventFilter: new Uint8Array(8).fill(255) }),
    ).toThrow(KernelError);
  });
});

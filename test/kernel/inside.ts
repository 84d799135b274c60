import type { Change } from '../../src/flow/change.ts';
import { type Dump, type Kernel, type KernelSink, ReadResult } from '../../src/kernel/kernel.ts';
import { wireSize } from '../../src/wire/record.ts';

export { inside } from '../../sim/netns/kernel-lab.ts';

export function hex(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('hex');
}

export interface Seen {
  readonly what: 'flow' | 'expectation';
  readonly change: Change;
  readonly origin: number;
  /** The whole record. */
  readonly record: Uint8Array;
  /** The part of it that goes on the wire, in hexadecimal. */
  readonly wire: string;
  traffic?: readonly number[];
}

/** Keeps what a kernel gives. */
export function recorder(): KernelSink & { readonly seen: Seen[] } {
  const seen: Seen[] = [];
  const keep =
    (what: Seen['what']) => (change: Change, origin: number, bytes: Uint8Array, length: number) => {
      const record = bytes.slice(0, length);
      const size = what === 'flow' ? wireSize(record, 0, length) : length;
      seen.push({ what, change, origin, record, wire: hex(record, 0, size) });
    };
  return {
    seen,
    flow: keep('flow'),
    expectation: keep('expectation'),
    traffic(...counts) {
      seen.at(-1)!.traffic = counts;
    },
  };
}

/** Reads events until there are none; returns true if some were lost. */
export function drain(kernel: Kernel, sink: KernelSink): boolean {
  let lost = false;
  for (;;) {
    const read = kernel.readEvents(sink, 1000);
    if (read === ReadResult.OVERRUN) lost = true;
    else if (read === ReadResult.DRAINED) return lost;
  }
}

export const CHANGE_NAMES = ['NEW', 'UPDATE', 'DESTROY'] as const;

/** All that a dump gives. */
export function wholeDump(dump: Dump): Seen[] {
  const sink = recorder();
  while (!dump.step(sink));
  return sink.seen;
}

import { describe, expect, it } from 'vitest';
import { Change, Origin } from '../../src/flow/change.ts';
import { CompleteDump, type TableWalk } from '../../src/kernel/ctnetlink/complete-dump.ts';
import { TableDump } from '../../src/kernel/ctnetlink/table-dump.ts';
import { type Dump, type KernelSink, kernelCounters } from '../../src/kernel/kernel.ts';
import type { Libc } from '../../src/system/libc.ts';
import { NetlinkWriter, NLM_F_DUMP_INTR, NLMSG_DONE } from '../../src/system/netlink.ts';

/** Dumps one entry after the other; `tables` are what one attempt after the other shows, an interrupted one with a `!`. */
function dumpsOf(tables: readonly string[]): { begin: () => TableWalk<KernelSink>; open: () => number } {
  let attempt = 0;
  let open = 0;
  const begin = (): TableWalk<KernelSink> => {
    const table = tables[Math.min(attempt++, tables.length - 1)]!;
    const entries = table.replace('!', '');
    let at = 0;
    let closed = false;
    open++;
    return {
      get interrupted() {
        return table.endsWith('!') && at === entries.length;
      },
      step: (sink) => {
        const record = Uint8Array.of(entries.charCodeAt(at++));
        sink.flow(Change.UPDATE, Origin.OTHER, record, 1);
        return at === entries.length;
      },
      close: () => {
        if (!closed) open--;
        closed = true;
      },
    };
  };
  return { begin, open: () => open };
}

function read(dump: Dump): string {
  let seen = '';
  const sink: KernelSink = {
    flow: (_change, _origin, bytes) => {
      seen += String.fromCharCode(bytes[0]!);
    },
    expectation: () => {},
    traffic: () => {},
  };
  while (!dump.step(sink));
  return seen;
}

describe('a dump that the kernel interrupted', () => {
  it('begins again, so that the entry which moved is not missing', () => {
    const { begin, open } = dumpsOf(['ad!', 'abcd']);
    const counters = kernelCounters();
    const dump = new CompleteDump(begin, counters);
    expect(new Set(read(dump))).toEqual(new Set('abcd'));
    expect(counters).toMatchObject({ interruptedDumps: 1, incompleteDumps: 0 });
    dump.close();
    expect(open()).toBe(0);
  });

  it('is taken as it is after four attempts, and counted', () => {
    const { begin } = dumpsOf(['ab!']);
    const counters = kernelCounters();
    const dump = new CompleteDump(begin, counters);
    expect(read(dump)).toBe('abababab');
    expect(counters).toMatchObject({ interruptedDumps: 4, incompleteDumps: 1 });
  });

  it('is read once if nothing interrupted it', () => {
    const { begin } = dumpsOf(['abc']);
    const counters = kernelCounters();
    expect(read(new CompleteDump(begin, counters))).toBe('abc');
    expect(counters).toEqual(kernelCounters());
  });
});

describe('a dump of ctnetlink', () => {
  /** The end of a dump, with these flags. */
  function doneMessage(flags: number): Uint8Array {
    const writer = new NetlinkWriter(64);
    const at = writer.message(0, NLMSG_DONE, flags, 7, 0);
    writer.endMessage(at);
    return writer.bytes.subarray(0, writer.at);
  }

  function dumpEndingWith(flags: number): TableDump<KernelSink> {
    const calls = {
      socket: () => 3,
      setTimeout: () => {},
      bind: () => {},
      close: () => {},
      sendTo: () => 20,
      receive: (_fd: number, buffer: Uint8Array) => {
        const done = doneMessage(flags);
        buffer.set(done);
        return done.length;
      },
    };
    return new TableDump(
      calls as unknown as Libc,
      7,
      () => {},
      () => {},
    );
  }

  it('reports that it was interrupted if the kernel flags a message', () => {
    const dump = dumpEndingWith(NLM_F_DUMP_INTR);
    expect(read(dump)).toBe('');
    expect(dump.interrupted).toBe(true);
  });

  it('reports no interruption otherwise', () => {
    const dump = dumpEndingWith(0);
    expect(read(dump)).toBe('');
    expect(dump.interrupted).toBe(false);
  });
});

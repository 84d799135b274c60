import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EventReader, type EventReaderOptions } from '../../src/daemon/common/event-reader.ts';
import { PROCESS_RUNTIME, type Runtime } from '../../src/daemon/common/runtime.ts';
import { type Kernel, KernelError, type KernelSink } from '../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { EVENT_READER_OPTIONS } from '../support/node-options.ts';

const NOTHING: KernelSink = { flow: () => {}, expectation: () => {}, traffic: () => {} };

function flow(port: number) {
  const ports = { source: port, destination: 80 };
  return {
    original: { family: 4, source: '192.0.2.1', destination: '198.51.100.1', protocol: 17, ports },
  } as const;
}

function memoryKernel(eventLimit: number): MemoryKernel {
  return new MemoryKernel({ timeout: false, windowScale: false, eventLimit });
}

function overrun(kernel: MemoryKernel, first: number): void {
  for (let port = first; port < first + 100; port++) kernel.originate(flow(port), 60);
}

/** Where time stands still, so that nothing seems to come fast. */
const STILL: Runtime = { ...PROCESS_RUNTIME, now: () => 0 };

function read(kernel: Kernel, options: Partial<EventReaderOptions> = {}, runtime = STILL) {
  const lines: string[] = [];
  const log = {
    notice: (text: string) => lines.push(text),
    warning: (text: string) => lines.push(text),
    error: (text: string) => lines.push(text),
  };
  const calls = { reads: 0, resyncs: 0 };
  let given = 0;
  const sink: KernelSink = { flow: () => given++, expectation: () => given++, traffic: () => {} };
  const reader = new EventReader(
    kernel,
    sink,
    log,
    { ...EVENT_READER_OPTIONS, ...options },
    {
      eventsReceived: () => given,
      afterRead: () => calls.reads++,
      overrun: () => {},
      resync: () => calls.resyncs++,
    },
    runtime,
  );
  reader.start();
  return { reader, lines, calls };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
});

const turns = () => new Promise((resolve) => setImmediate(resolve));

describe('a reader of events', () => {
  test('asks for a resync when no events have been lost for so many seconds', async () => {
    const kernel = memoryKernel(10);
    const { reader, calls } = read(kernel);
    overrun(kernel, 1);
    await turns();
    expect(reader.counters).toEqual({ eventsFailed: 1, overruns: 1 });
    vi.advanceTimersByTime(20_000);
    overrun(kernel, 1001);
    await turns();
    expect(reader.counters.overruns).toBe(2);
    vi.advanceTimersByTime(29_999);
    expect(calls.resyncs).toBe(0);
    vi.advanceTimersByTime(1);
    expect(calls.resyncs).toBe(1);
    vi.advanceTimersByTime(3_600_000);
    expect(calls.resyncs).toBe(1);
  });

  test('doubles the event buffer as long as it may, and logs once that it may not', async () => {
    const kernel = memoryKernel(10);
    const { lines } = read(kernel, { bufferSizeMaxGrowth: 25_000 });
    for (const first of [1, 1001, 2001]) {
      overrun(kernel, first);
      await turns();
    }
    expect(kernel.eventBufferSize).toBe(20_480);
    expect(lines).toEqual([
      'netlink event socket buffer size has been doubled to 20480 bytes',
      expect.stringContaining('cannot be doubled further since it will exceed NetlinkBufferSizeMaxGrowth'),
    ]);
  });

  test('never asks for a resync where that is off', async () => {
    const kernel = memoryKernel(10);
    const { calls } = read(kernel, { overrunResync: -1 });
    overrun(kernel, 1);
    await turns();
    vi.advanceTimersByTime(3_600_000);
    expect(calls.resyncs).toBe(0);
  });

  test('waits a second after a read that the kernel refused', async () => {
    const kernel = memoryKernel(10);
    const refuse = vi.spyOn(kernel, 'readEvents').mockImplementation(() => {
      throw new KernelError('recvmmsg: no', 5);
    });
    const { reader, lines } = read(kernel);
    kernel.originate(flow(1), 60);
    await turns();
    await turns();
    expect(refuse).toHaveBeenCalledTimes(1);
    expect(lines).toEqual(['reading events: recvmmsg: no']);
    expect(reader.counters).toEqual({ eventsFailed: 1, overruns: 0 });
    refuse.mockRestore();
    vi.advanceTimersByTime(1000);
    await turns();
    // It was read meanwhile: nothing is left.
    const left = vi.fn();
    kernel.readEvents({ ...NOTHING, flow: left }, 10);
    expect(left).not.toHaveBeenCalled();
  });

  test('neither reads nor asks for anything once it is closed', async () => {
    const kernel = memoryKernel(10);
    const { reader, calls } = read(kernel);
    overrun(kernel, 1);
    await turns();
    reader.close();
    const { reads } = calls;
    overrun(kernel, 1001);
    await turns();
    vi.advanceTimersByTime(3_600_000);
    expect(calls).toEqual({ reads, resyncs: 0 });
  });

  test('releases its events at once when none are left to read', async () => {
    const kernel = memoryKernel(1000);
    const { calls } = read(kernel);
    kernel.originate(flow(1), 60);
    await turns();
    expect(calls.reads).toBe(1);
  });

  test('releases exactly as many events as one read takes, though no more come', async () => {
    const kernel = memoryKernel(1000);
    const { calls } = read(kernel, { eventIterationLimit: 10 });
    for (let port = 1; port <= 10; port++) kernel.originate(flow(port), 60);
    await turns();
    await turns();
    await turns();
    expect(calls.reads).toBe(1);
    kernel.originate(flow(11), 60);
    await turns();
    expect(calls.reads).toBe(2);
  });

  test('releases the events of several reads after the last one, or once they have been held long enough', () => {
    let now = 0;
    const kernel = memoryKernel(1000);
    const { reader, calls } = read(
      kernel,
      { eventIterationLimit: 10 },
      { ...PROCESS_RUNTIME, now: () => now },
    );
    for (let port = 1; port <= 95; port++) kernel.originate(flow(port), 60);
    for (let n = 0; n < 3; n++) expect(reader.readSome()).toBe(true);
    expect(calls.reads).toBe(0);
    now += 3;
    expect(reader.readSome()).toBe(true);
    expect(calls.reads).toBe(1);
    for (let n = 0; n < 5; n++) expect(reader.readSome()).toBe(true);
    expect(calls.reads).toBe(1);
    expect(reader.readSome()).toBe(false);
    expect(calls.reads).toBe(2);
    reader.close();
  });

  test('with low latency reads until no event is left before it releases them', () => {
    const kernel = memoryKernel(1000);
    const { reader, calls } = read(kernel, { latency: 'low' });
    const readEvents = kernel.readEvents.bind(kernel);
    let late = 3;
    vi.spyOn(kernel, 'readEvents').mockImplementation((sink, limit) => {
      const result = readEvents(sink, limit);
      // Another event comes while those before it are dealt with.
      if (late-- > 0) kernel.originate(flow(100 + late), 60);
      return result;
    });
    kernel.originate(flow(1), 60);
    expect(reader.readSome()).toBe(false);
    expect(calls.reads).toBe(1);
    expect(kernel.readEvents).toHaveBeenCalledTimes(5);
    reader.close();
  });

  test('with low latency releases what a turn may read at most, though more waits', () => {
    const kernel = memoryKernel(1000);
    const { reader, calls } = read(kernel, { latency: 'low', eventIterationLimit: 10 });
    for (let port = 1; port <= 25; port++) kernel.originate(flow(port), 60);
    expect([reader.readSome(), calls.reads]).toEqual([true, 1]);
    expect([reader.readSome(), calls.reads]).toEqual([true, 2]);
    expect([reader.readSome(), calls.reads]).toEqual([false, 3]);
    reader.close();
  });

  test('with low latency never reads more in one turn than its limit, however events arrive', () => {
    const kernel = memoryKernel(1000);
    const { reader, calls } = read(kernel, { latency: 'low', eventIterationLimit: 4 });
    const readEvents = kernel.readEvents.bind(kernel);
    let port = 1;
    const limits: number[] = [];
    vi.spyOn(kernel, 'readEvents').mockImplementation((sink, limit) => {
      limits.push(limit);
      kernel.originate(flow(port++), 60);
      return readEvents(sink, limit);
    });
    expect(reader.readSome()).toBe(true);
    expect(limits).toEqual([4, 3, 2, 1]);
    expect(calls.reads).toBe(1);
    reader.close();
  });

  test('with low latency goes on reading as events come, however fast', async () => {
    let now = 0;
    const kernel = memoryKernel(1000);
    const { reader, calls } = read(kernel, { latency: 'low' }, { ...PROCESS_RUNTIME, now: () => now });
    for (let turn = 1; turn <= 20; turn++) {
      now += 1;
      for (let n = 0; n < 20; n++) kernel.originate(flow(turn * 100 + n), 60);
      await turns();
      expect(calls.reads).toBe(turn);
    }
    reader.close();
  });

  test('reads on after others have had their turn if more events wait than its limit', async () => {
    let now = 0;
    const kernel = memoryKernel(1000);
    kernel.growEventBuffer(1 << 20);
    const { reader, calls } = read(
      kernel,
      { eventIterationLimit: 10 },
      { ...PROCESS_RUNTIME, now: () => now },
    );
    kernel.originate(flow(1), 60);
    await turns();
    now = 10;
    for (let port = 100; port < 125; port++) kernel.originate(flow(port), 60);
    await turns();
    expect(calls.reads).toBe(1);
    await turns();
    await turns();
    expect(calls.reads).toBe(2);
    reader.close();
  });

  test('logs why a message of the kernel is malformed, at most once a minute', () => {
    const kernel = memoryKernel(10);
    let reason: string | undefined;
    const malformed = (text: string) => {
      kernel.counters.malformed++;
      reason ??= text;
    };
    const takeMalformedReason = () => {
      const taken = reason;
      reason = undefined;
      return taken;
    };
    let now = 0;
    const { reader, lines } = read(
      Object.assign(kernel, { takeMalformedReason }),
      {},
      { ...STILL, now: () => now },
    );
    reader.readSome();
    expect(lines).toEqual([]);
    malformed('one');
    reader.readSome();
    expect(lines).toEqual(['ignored 1 malformed message of the kernel; the first: one']);
    now = 59_999;
    malformed('two');
    malformed('three');
    reader.readSome();
    expect(lines).toHaveLength(1);
    now = 60_000;
    reader.readSome();
    reader.readSome();
    expect(lines.slice(1)).toEqual(['ignored 2 malformed messages of the kernel; the first: two']);
    reader.close();
  });
});

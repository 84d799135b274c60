import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Request } from '../../src/control/codes.ts';
import { figuresOfText } from '../../src/control/figures-of-text.ts';
import type { Snapshot } from '../../src/control/snapshot.ts';
import { statisticsLines } from '../../src/control/statistics.ts';
import { CACHE, FTFW, LINK, NETWORK, RUNTIME } from './snapshot.ts';

function figures(snapshot: Snapshot) {
  const text = (request: number) => [...statisticsLines(request, snapshot)].join('');
  return figuresOfText({
    general: text(Request.STATISTICS),
    cache: text(Request.STATISTICS_CACHE),
    network: text(Request.STATISTICS_NETWORK),
    runtime: text(Request.STATISTICS_RUNTIME),
    link: text(Request.STATISTICS_LINK),
    queue: text(Request.STATISTICS_QUEUE),
    expectations: text(Request.STATISTICS_EXPECT),
  });
}

const NONE = { general: '', cache: '', network: '', runtime: '', link: '', queue: '', expectations: '' };

/** An object of the same shape, whose numbers are arbitrary counts. */
function withNumbers<T extends object>(shape: T): fc.Arbitrary<T> {
  return fc.record(
    Object.fromEntries(
      Object.entries(shape).map(([name, value]) => [
        name,
        typeof value === 'number'
          ? fc.maxSafeNat()
          : typeof value === 'object' && value !== null && !Array.isArray(value)
            ? withNumbers(value as object)
            : fc.constant(value),
      ]),
    ),
  ) as fc.Arbitrary<T>;
}

describe('the statistics read back from their text', () => {
  it('are those that were printed', () => {
    const snapshots = fc
      .record({
        internal: withNumbers({ ...CACHE, name: 'internal' }),
        external: withNumbers({ ...CACHE, name: 'external' }),
        links: fc.tuple(
          withNumbers({ ...LINK, device: 'sync0' }),
          withNumbers({ ...LINK, device: 'b', active: false }),
        ),
        network: withNumbers(NETWORK),
        runtime: withNumbers(RUNTIME),
        queues: fc.record({
          nodes: fc.nat(),
          queues: fc.tuple(
            withNumbers({ name: 'txqueue', elements: 0, maximum: 0, noSpace: 0 }),
            withNumbers({ name: 'rsqueue', elements: 0, maximum: 0, noSpace: 0 }),
          ),
        }),
      })
      .map(
        ({ internal, external, ...rest }): Snapshot => ({ ...FTFW, ...rest, flows: { internal, external } }),
      );
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        if (snapshot.mode !== 'sync') throw new Error('a node that replicates');
        const { mode, flows, links, queues, traffic, network, runtime } = snapshot;
        const read = figures(snapshot);
        expect(read).toMatchObject({ mode, flows, links, queues, traffic });
        expect(snapshot.network).toMatchObject(read.network!);
        expect(Object.keys(read.network!)).toHaveLength(10);
        expect(runtime).toMatchObject(read.runtime!);
        expect(Object.keys(read.runtime!).length).toBeGreaterThan(14);
        expect(network.malformed).toBe(read.network!.malformed);
      }),
    );
  });

  it('tell a bypass, an injection, TCP ends and expectations', () => {
    const flows = {
      internal: { kind: 'bypass', created: 1, updated: 2, destroyed: 3 },
      external: {
        kind: 'inject',
        ...{ created: 4, createFailed: 5, updated: 6, updateFailed: 7, destroyed: 8, destroyFailed: 9 },
      },
    } as const;
    const link = { ...LINK, transport: 'TCP', serverConnected: true, clientConnected: false } as const;
    const sides = { internal: { ...CACHE, name: 'internal' }, external: { ...CACHE, name: 'external' } };
    const read = figures({ ...FTFW, flows, links: [link], expectations: sides });
    expect(read.flows).toEqual(flows);
    expect(read.links).toEqual([link]);
    const { active, created, destroyFailed } = CACHE;
    expect(read.expectations).toMatchObject({ external: { kind: 'cache', active, created, destroyFailed } });
  });

  it('tell the other modes', () => {
    const cache = { ...CACHE, name: 'stats' };
    const traffic = { bytes: 5, packets: 1 };
    const stats: Snapshot = { mode: 'stats', runtime: RUNTIME, processes: [], traffic, cache };
    expect(figures(stats)).toMatchObject({ mode: 'stats', cache, traffic });
    expect(figures({ mode: 'helper', runtime: RUNTIME, processes: [] })).toMatchObject({ mode: 'helper' });
    expect(figuresOfText(NONE)).toEqual({ mode: 'helper' });
  });

  it('are taken from any text without an exception', () => {
    fc.assert(
      fc.property(
        fc.record(Object.fromEntries(Object.keys(NONE).map((name) => [name, fc.string()]))),
        (texts) => {
          figuresOfText({ ...NONE, ...texts });
        },
      ),
    );
  });
});

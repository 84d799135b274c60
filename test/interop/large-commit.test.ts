import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { inside } from '../../sim/netns/kernel-lab.ts';
import { missingForLab, tcpLoad, until, withLab } from '../../sim/netns/lab.ts';
import { Origin } from '../../src/flow/change.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { Ctnetlink } from '../../src/kernel/ctnetlink/ctnetlink.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { LARGE_TABLES } from './large-tables.ts';
import { ourProgram, PAIRS } from './programs.ts';

/** Enough for a quiet commit, and for it to last. */
const FLOWS = 40_000;
/** So many that a commit of them takes long enough to be killed in its middle. */
const MANY = 200_000;
/** Flows that the backup has before. */
const THERE = 1000;
/** Flows that begin while the commit is under way. */
const BEGUN = 4000;

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

/** The original tuples of the test's flows, sorted, in what `-i` or `conntrack -L` prints. */
function originals(text: string): string[] {
  return (text.match(/^.*? src=.*$/gm) ?? [])
    .map((line) => /src=\S+ dst=\S+ sport=\S+ dport=\S+/.exec(line)?.[0] ?? '')
    .filter((tuple) => tuple.includes(' dst=203.0.113.10 '))
    .sort();
}

const udp = (n: number, status: number): Flow => ({
  original: {
    family: 4,
    source: '10.9.9.9',
    destination: '203.0.113.10',
    protocol: Protocol.UDP,
    ports: { source: 1024 + n, destination: 53 },
  },
  status,
  timeout: 600,
});

/** Asked from within this process: what is started for that comes too late. */
const flowsIn = (namespace: string) =>
  inside(namespace, () => Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_count', 'latin1')));

/** Flows begin, and every other one is answered. */
async function traffic(namespace: string): Promise<void> {
  const kernel = inside(namespace, () => new Ctnetlink({ timeout: true, windowScale: false, events: false }));
  try {
    const batch = inside(namespace, () => kernel.batch(Origin.OTHER));
    for (let n = 0; n < BEGUN; n++) {
      const begun = encodeFlow(udp(n, Status.CONFIRMED));
      const answered = encodeFlow(udp(n, Status.CONFIRMED | Status.SEEN_REPLY));
      batch.clear();
      batch.create(begun, 0, begun.length, 600, false);
      if (n % 2 === 0) batch.update(answered, 0, answered.length, 600, false);
      expect([...kernel.run(batch)].some((errno) => errno !== 0)).toBe(false);
      if (n % 8 === 0) await sleep(1);
    }
  } finally {
    kernel.close();
  }
}

describe.each(PAIRS.filter((pair) => pair.backup === ourProgram))(
  'a large commit, $name',
  ({ primary, backup }) => {
    test('leaves the internal cache as the kernel has it, whatever begins, changes and ends meanwhile', async () => {
      await withLab({}, async (lab) => {
        await lab.startNodes({
          a: { program: primary, configuration: LARGE_TABLES },
          b: { program: backup, configuration: LARGE_TABLES },
        });
        await lab.settled();
        const node = lab.b.node();
        await lab.a.load(tcpLoad(FLOWS));
        await node.untilSize('external', FLOWS, 30_000);
        await lab.a.node().kill();
        await lab.b.load(tcpLoad(THERE));

        const ends = async () => {
          for (let n = 0; n < 5; n++) {
            await lab.b.conntrack('-D', '-p', 'tcp', '--orig-port-src', String(1100 + n)).catch(() => '');
          }
        };
        await Promise.all([node.command('-c'), traffic(lab.b.namespace.name), ends()]);
        expect(await node.log()).toMatch(/Committed \d{5} new entries/);

        await until(
          'the internal cache is as the kernel has it',
          async () => {
            const there = originals(await lab.b.conntrack('-L'));
            const known = originals(await node.command('-i'));
            expect(there.length).toBeGreaterThan(FLOWS);
            return (
              (known.length === there.length && known.every((flow, n) => flow === there[n])) || undefined
            );
          },
          30_000,
        );
      });
    });

    test('is done again after the daemon was killed in its middle, and an open connection lives on', async () => {
      await withLab({}, async (lab) => {
        const options = { program: backup, configuration: LARGE_TABLES };
        await lab.startNodes({ a: { program: primary, configuration: LARGE_TABLES }, b: options });
        await lab.settled();
        const connection = await lab.connect();
        await lab.a.load(tcpLoad(MANY));
        await lab.b.node().untilSize('external', MANY + 1, 30_000);

        const commit = lab.b.node().client(['-c']);
        await until('some flows are committed', () => flowsIn(lab.b.namespace.name), 30_000, 1);
        await lab.b.node().kill();
        await commit;
        expect(await lab.b.flowCount()).toBeLessThan(MANY);
        expect(await connection.exchange()).toMatchObject({ ok: true });

        const next = await lab.b.start(options);
        await next.untilSize('external', MANY + 1, 30_000);
        expect(await connection.exchange()).toMatchObject({ ok: true });
        await lab.failover({ commit: true });
        expect(await connection.exchange()).toMatchObject({ ok: true });
        expect(originals(await lab.b.conntrack('-L'))).toHaveLength(MANY + 1);
      });
    });
  },
);

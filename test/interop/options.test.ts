import { beforeAll, describe, expect, test } from 'vitest';
import {
  type ConfigurationOptions,
  type ConntrackdNode,
  type Lab,
  missingForLab,
  tcpLoad,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

/** Starts our node on A alone. */
async function alone(lab: Lab, configuration: ConfigurationOptions = {}): Promise<ConntrackdNode> {
  return lab.a.start({ program: ourProgram, configuration });
}

/** A number of the statistics: what stands behind `name`. */
async function figure(node: ConntrackdNode, word: string, name: string): Promise<number> {
  const text = await node.command('-s', word);
  const found = new RegExp(`${name}\\s+(\\d+)`).exec(text);
  if (!found) throw new Error(`no ${name} in:\n${text}`);
  return Number(found[1]);
}

describe('an option shows its effect', () => {
  test.each(['FTFW', 'NOTRACK'] as const)(
    'StartupResync: a backup that starts late has everything, in %s also without it',
    async (mode) => {
      await withLab({}, async (lab) => {
        await lab.a.start({ program: ourProgram, configuration: { mode } });
        await lab.a.load(tcpLoad(100));
        await lab.a.node().untilSize('internal', 100);
        for (const inMode of [[], ['StartupResync yes']]) {
          const backup = await lab.b.start({ program: ourProgram, configuration: { mode, inMode } });
          await backup.untilSize('external', 100);
          await backup.stop();
        }
      });
    },
  );

  test('StartupResync: without an external cache a backup that starts late asks for everything with it alone', async () => {
    await withLab({}, async (lab) => {
      const start = (side: 'a' | 'b', inMode: readonly string[] = []) =>
        lab[side].start({ program: ourProgram, configuration: { mode: 'NOTRACK', inMode } });
      await start('a');
      await lab.a.load(tcpLoad(100));
      await lab.a.node().untilSize('internal', 100);
      const injecting = 'DisableExternalCache yes';
      const silent = await start('b', [injecting]);
      await until('the nodes exchange messages', async () => (await silent.packetsReceived()) > 2);
      expect(await lab.b.flowCount()).toBe(0);
      await silent.stop();
      await start('b', [injecting, 'StartupResync yes']);
      await until("the peer's flows", async () => (await lab.b.flowCount()) === 100);
    });
  });

  test('CommitTimeout: a committed flow lives that long, and no timeout travels', async () => {
    await withLab({}, async (lab) => {
      const configuration = { inMode: ['CommitTimeout 77'] };
      await lab.startNodes({
        a: { program: ourProgram, configuration },
        b: { program: ourProgram, configuration },
      });
      await lab.a.load(tcpLoad(20, { timeout: 3000 }));
      await lab.b.node().untilSize('external', 20);
      expect(await lab.b.node().command('-e', '--json')).not.toContain('"timeout"');
      await lab.b.node().command('-c');
      const table = await lab.b.conntrack('-L', '-p', 'tcp');
      const timeouts = [...table.matchAll(/^tcp\s+6 (\d+) ESTABLISHED/gm)].map(([, seconds]) =>
        Number(seconds),
      );
      expect(timeouts.length).toBe(20);
      for (const seconds of timeouts) expect(seconds).toSatisfy((n: number) => n > 60 && n <= 77);
    });
  });

  test('HashLimit: what is beyond it is refused and counted', async () => {
    await withLab({}, async (lab) => {
      const node = await alone(lab, { inGeneral: ['HashLimit 100'] });
      await lab.a.load(tcpLoad(150));
      await node.untilSize('internal', 100);
      await until(
        '50 are counted',
        async () => (await figure(node, 'cache', 'no space left in cache:')) === 50,
      );
      await lab.a.conntrack('-F');
      await node.untilSize('internal', 0);
    });
  });

  test('NetlinkBufferSize: the kernel gives that much, up to NetlinkBufferSizeMaxGrowth', async () => {
    const sizeWith = (...inGeneral: string[]) =>
      withLab({}, async (lab) => {
        const node = await alone(lab, { inGeneral });
        return figure(node, 'runtime', 'current buffer size \\(in bytes\\):');
      });
    expect(await sizeWith('NetlinkBufferSize 3000000', 'NetlinkBufferSizeMaxGrowth 8000000')).toBe(3_000_000);
    expect(await sizeWith('NetlinkBufferSize 9000000', 'NetlinkBufferSizeMaxGrowth 8000000')).toBeLessThan(
      3_000_000,
    );
  });

  test('an overrun: the buffer grows, and after NetlinkOverrunResync what was lost is there', async () => {
    await withLab({}, async (lab) => {
      const node = await alone(lab, {
        inGeneral: ['NetlinkBufferSize 8192', 'NetlinkBufferSizeMaxGrowth 16384', 'NetlinkOverrunResync 1'],
      });
      await lab.a.load(tcpLoad(20_000));
      expect(await figure(node, 'runtime', 'netlink overrun:')).toBeGreaterThan(0);
      await node.untilSize('internal', 20_000, 20_000);
      await lab.a.conntrack('-F');
      await node.untilSize('internal', 0, 20_000);
      const log = node.log();
      expect(log).toContain('netlink event socket buffer size has been doubled to 16384 bytes');
      expect(log).toContain('netlink event socket buffer size cannot be doubled further');
    });
  });

  test('NetlinkEventsReliable: no overrun, however small the buffer', async () => {
    await withLab({}, async (lab) => {
      const node = await alone(lab, {
        inGeneral: [
          'NetlinkBufferSize 8192',
          'NetlinkBufferSizeMaxGrowth 16384',
          'NetlinkEventsReliable yes',
        ],
      });
      await lab.a.load(tcpLoad(20_000));
      expect(node.log()).toContain('reliable ctnetlink event delivery is ENABLED.');
      expect(await figure(node, 'runtime', 'netlink overrun:')).toBe(0);
    });
  });

  test('PollSecs: the cache follows the kernel without a single event, and the peer follows the cache', async () => {
    await withLab({}, async (lab) => {
      const configuration = { inGeneral: ['PollSecs 1'] };
      await lab.startNodes({
        a: { program: ourProgram, configuration },
        b: { program: ourProgram, configuration: {} },
      });
      await lab.a.load(tcpLoad(50));
      await lab.a.node().untilSize('internal', 50);
      await lab.b.node().untilSize('external', 50);
      await lab.a.conntrack('-F');
      await lab.a.node().untilSize('internal', 0);
      await lab.b.node().untilSize('external', 0);
      expect(await figure(lab.a.node(), 'runtime', 'events received:')).toBe(0);
      expect(lab.a.node().log()).toContain('running in polling mode');
    });
  });

  test.each(['Userspace', 'Kernelspace'])(
    'Filter From %s: only what it accepts is replicated',
    async (space) => {
      await withLab({}, async (lab) => {
        const node = await alone(lab, {
          inGeneral: [
            `Filter From ${space} { Protocol Accept { TCP } Address Ignore { IPv4_address 10.64.0.0/24 } State Accept { ESTABLISHED for TCP } }`,
          ],
        });
        await lab.a.load([
          '-I -p tcp -s 10.65.0.1 -d 203.0.113.10 --sport 1 --dport 80 --state ESTABLISHED -u SEEN_REPLY -t 100',
          '-I -p tcp -s 10.64.0.1 -d 203.0.113.10 --sport 2 --dport 80 --state ESTABLISHED -u SEEN_REPLY -t 100',
          '-I -p tcp -s 10.65.0.1 -d 203.0.113.10 --sport 3 --dport 80 --state SYN_SENT -t 100',
          '-I -p udp -s 10.65.0.1 -d 203.0.113.10 --sport 4 --dport 80 -t 100',
        ]);
        await node.untilSize('internal', 1);
        const filtered = await figure(node, 'runtime', 'events filtered:');
        if (space === 'Userspace') expect(filtered).toBeGreaterThanOrEqual(3);
        await lab.a.conntrack('-F');
        await node.untilSize('internal', 0);
      });
    },
  );

  test('LogFile: the lines are laid out as the C program’s', async () => {
    await withLab({}, async (lab) => {
      const node = await alone(lab);
      expect(node.log()).toMatch(
        /^\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\] \(pid=\d+\) \[notice\] initialization completed$/m,
      );
    });
  });
});

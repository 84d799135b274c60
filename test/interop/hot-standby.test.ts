import { beforeAll, describe, expect, test } from 'vitest';
import {
  type ConfigurationOptions,
  cProgram,
  type Exchange,
  type Firewall,
  type FlowLine,
  flowsMatching,
  type Lab,
  missingForLab,
  type NodeOptions,
  type TcpConnection,
  tcpLoad,
  type UdpFlow,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

/** Seconds of traffic before a failover, and of churn; `npm run test:hot-standby` lets ten minutes pass. */
const SECONDS = Number(process.env.HOT_STANDBY_SECONDS ?? 12);
const PATIENCE = (SECONDS + 120) * 1000;

/** Seconds. Shorter than the traffic, longer than what lies between two packets. */
const TIMEOUT = 5;
/** Long enough for several datagrams, short enough to wait for a failure that must come, in milliseconds. */
const HOPELESS = 1_500;

const configuration: ConfigurationOptions = { mode: 'FTFW', inMode: ['DisableExternalCache on'] };
const C: NodeOptions = { program: cProgram, configuration };
const KEEP: NodeOptions = {
  program: ourProgram,
  configuration,
  settings: () => '[standby]\nkeep = true\nresync_seconds = 60\n',
};
const OURS_WITHOUT: NodeOptions = { program: ourProgram, configuration };

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

async function shortenTimeouts(lab: Lab): Promise<void> {
  const settings = ['udp_timeout', 'udp_timeout_stream', 'tcp_timeout_established'].map(
    (name) => `net.netfilter.nf_conntrack_${name}=${TIMEOUT}`,
  );
  for (const { namespace } of [lab.a, lab.b]) await namespace.must('sysctl', ['-w', ...settings]);
}

/** What ends the flows that the lines of `conntrack` arguments begin. */
const endOf = (lines: readonly string[]) =>
  lines.map((line) => line.replace('-I', '-D').replace(/ --state.*/, ''));

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** What identifies the flows of a firewall's kernel, without those of the nodes themselves. */
function identities(flows: readonly FlowLine[]): string[] {
  return flows
    .filter(({ original }) => original.dport !== '3780')
    .map(({ protocol, state, original }) => `${protocol} ${state ?? ''} ${JSON.stringify(original)}`)
    .sort();
}

async function untilEqual(lab: Lab, timeout = 30_000): Promise<number> {
  let [here, there] = [[], []] as [string[], string[]];
  try {
    return await until(
      'equal kernels',
      async () => {
        [here, there] = (await Promise.all(
          [lab.active(), lab.standby()].map(async (firewall) => identities(await firewall.flows())),
        )) as [string[], string[]];
        return here.length > 0 && JSON.stringify(here) === JSON.stringify(there) ? here.length : undefined;
      },
      timeout,
      500,
    );
  } catch (error) {
    const lacking = here.filter((flow) => !there.includes(flow));
    const stale = there.filter((flow) => !here.includes(flow));
    throw new Error(
      `${(error as Error).message}: the standby lacks ${lacking.length} (${lacking[0]}), has ${stale.length} too many (${stale[0]})`,
    );
  }
}

async function untilInKernel({ flows }: Firewall, localPort: number): Promise<void> {
  await until('a flow in the kernel of the standby', async () => {
    return flowsMatching(await flows(), { sport: String(localPort) }).length > 0;
  });
}

interface Talk {
  readonly tcp: TcpConnection;
  readonly udp: UdpFlow;
}

/** Opens a UDP flow and a TCP connection. Resolves when the standby has both. */
async function beginTalk(lab: Lab): Promise<Talk> {
  await shortenTimeouts(lab);
  const [tcp, udp] = await Promise.all([lab.connect(), lab.openUdp()]);
  expect(await tcp.exchange()).toMatchObject({ ok: true });
  for (const { localPort } of [tcp, udp]) await untilInKernel(lab.standby(), localPort);
  return { tcp, udp };
}

/** Exchanges something every second as long as the work lasts; every exchange must succeed. */
async function talkWhile({ tcp, udp }: Talk, work: () => Promise<void>): Promise<void> {
  let isWorking = true;
  const talk = async (exchange: () => Promise<Exchange>): Promise<void> => {
    while (isWorking) {
      expect(await exchange()).toMatchObject({ ok: true });
      await sleep(1000);
    }
  };
  const working = work().finally(() => {
    isWorking = false;
  });
  await Promise.all([working, talk(() => tcp.exchange()), talk(() => udp.exchange())]);
}

/** Connections that have talked for a while. */
async function longTalk(lab: Lab): Promise<Talk> {
  const talk = await beginTalk(lab);
  await talkWhile(talk, () => sleep(SECONDS * 1000));
  return talk;
}

const PAIRS = [
  { name: 'ours with keep', a: KEEP, b: KEEP, lives: true },
  { name: 'a C primary, ours with keep', a: C, b: KEEP, lives: true },
  { name: 'C with C', a: C, b: C, lives: false },
  { name: 'ours without keep', a: OURS_WITHOUT, b: OURS_WITHOUT, lives: false },
] as const;

describe('a UDP stream and a TCP connection that make no events, each longer than its timeout', () => {
  test.concurrent.each(PAIRS)(
    '$name: alive after a failover: $lives',
    async ({ a, b, lives }) => {
      await withLab({}, async (lab) => {
        await lab.startNodes({ a, b });
        await lab.settled();
        const { tcp, udp } = await longTalk(lab);
        // The flows are in the kernel that takes over: their packets need not wait for a script.
        await lab.failover({ commit: false });
        const patience = lives ? undefined : HOPELESS;
        const [overTcp, overUdp] = await Promise.all([tcp.exchange(patience), udp.exchange(patience)]);
        expect([overTcp.ok, overUdp.ok]).toEqual([lives, lives]);
        if (lives) await talkWhile({ tcp, udp }, () => lab.becomePrimary(lab.b));
      });
    },
    PATIENCE,
  );
});

describe('a hot standby with keep', () => {
  test(
    'fails back, and takes over again',
    async () => {
      await withLab({}, async (lab) => {
        await lab.startNodes({ a: KEEP, b: KEEP });
        await lab.settled();
        const talk = await longTalk(lab);
        const { tcp, udp } = talk;
        await lab.failover({ commit: false });
        await talkWhile(talk, async () => {
          await lab.becomePrimary(lab.b);
          // A returns as a backup, empty.
          await lab.a.conntrack('-F');
          await lab.a.start(KEEP);
          await lab.a.setLinks('up', 'in0', 'out0');
          await lab.becomeBackup(lab.a);
          for (const { localPort } of [tcp, udp]) await untilInKernel(lab.a, localPort);
          await sleep(2 * TIMEOUT * 1000);
        });
        await lab.failover({ commit: false });
        expect(lab.active().side).toBe('a');
        expect(await udp.exchange()).toMatchObject({ ok: true });
        expect(await tcp.exchange()).toMatchObject({ ok: true });
      });
    },
    PATIENCE,
  );

  test(
    'has after a restart of its daemon what began meanwhile, and no longer what ended',
    async () => {
      await withLab({}, async (lab) => {
        await lab.startNodes({ a: KEEP, b: KEEP });
        await lab.settled();
        await lab.a.load(tcpLoad(500));
        expect(await untilEqual(lab)).toBe(500);
        await lab.b.node().kill();
        await lab.a.load(endOf(tcpLoad(100)));
        await lab.a.load(tcpLoad(50, { first: 500 }));
        // No message is about these: the primary's daemon has forgotten them.
        await lab.b.load(tcpLoad(70, { first: 1000 }));
        await lab.b.start(KEEP);
        await lab.becomeBackup(lab.b);
        expect(await untilEqual(lab)).toBe(450);
        await until('its log', () =>
          /\b7\d flows removed that the other node does not have/.test(lab.b.node().log()),
        );
      });
    },
    PATIENCE,
  );

  test(
    'has the same flows as the primary after a while of churn',
    async () => {
      await withLab({}, async (lab) => {
        await lab.startNodes({ a: KEEP, b: KEEP });
        await lab.settled();
        const talk = await beginTalk(lab);
        const begin = performance.now();
        await talkWhile(talk, async () => {
          for (let round = 0; performance.now() - begin < SECONDS * 1000; round++) {
            const first = 200 * (round % 1000);
            await lab.a.load([
              ...tcpLoad(100, { first }),
              ...tcpLoad(50, { first: first + 100, timeout: TIMEOUT }),
              ...(round < 3 ? [] : endOf(tcpLoad(90, { first: first - 600 }))),
            ]);
            await sleep(800);
          }
          expect(await untilEqual(lab)).toBeGreaterThan(100);
        });
      });
    },
    PATIENCE,
  );
});

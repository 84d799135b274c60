import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { configurationText } from '../../sim/netns/configuration.ts';
import { type Lab, missingForLab, openLab, tcpLoad, until } from '../../sim/netns/lab.ts';
import { nodePaths } from '../../sim/netns/node.ts';
import { type Systemd, startSystemd } from '../../sim/netns/systemd.ts';
import { ourProgram } from './programs.ts';

/** Seconds. The daemon reports every half of it. */
const WATCHDOG = 4;
const FLOWS = 30_000;
const UNIT = 'node.service';

let lab: Lab;
let systemd: Systemd | undefined;

beforeEach(async () => {
  expect(missingForLab(['conntrackd', 'systemctl', 'unshare', 'nsenter'])).toEqual([]);
  lab = await openLab();
});

afterEach(async () => {
  try {
    await systemd?.close();
  } finally {
    systemd = undefined;
    await lab?.close();
  }
});

interface Unit {
  readonly pid: number;
  readonly restarts: number;
  readonly state: string;
  readonly result: string;
}

async function unit(): Promise<Unit> {
  const { MainPID, NRestarts, ActiveState, Result } = await systemd!.show(
    UNIT,
    'MainPID',
    'NRestarts',
    'ActiveState',
    'Result',
  );
  return { pid: Number(MainPID), restarts: Number(NRestarts), state: ActiveState!, result: Result! };
}

/** Starts our program on firewall A as a unit of a real systemd. Returns what runs its client. */
async function startUnit(): Promise<(...args: readonly string[]) => Promise<string>> {
  const directory = join(lab.directory, 'unit');
  const paths = nodePaths(directory);
  mkdirSync(directory);
  writeFileSync(paths.configuration, configurationText({ side: 'a', syncLinks: 1, paths }));
  systemd = await startSystemd(lab.a.namespace, directory);
  const command = [ourProgram.command, ...ourProgram.args, '-C', paths.configuration].join(' ');
  await systemd.startUnit(
    UNIT,
    `[Service]
Type=notify
Environment=CONNTRACKD_TS_RUN_DIR=${paths.runDirectory}
ExecStart=${command}
WatchdogSec=${WATCHDOG}
TimeoutAbortSec=1
Restart=on-watchdog
RestartSec=100ms
`,
  );
  return (...args) =>
    lab.a.namespace.must(ourProgram.command, [...ourProgram.args, '-C', paths.configuration, ...args]);
}

it('a stopped daemon trips the watchdog of systemd, which starts it anew', async () => {
  const ask = await startUnit();
  const before = await unit();
  expect(before).toMatchObject({ restarts: 0, state: 'active' });
  process.kill(before.pid, 'SIGSTOP');
  await until(
    'another daemon',
    async () => {
      const { pid, state } = await unit();
      return state === 'active' && pid !== 0 && pid !== before.pid;
    },
    40_000,
  );
  expect((await unit()).restarts).toBe(1);
  expect(await ask('-s')).toMatch(/cache internal/);
}, 90_000);

it('a busy daemon does not: events at full rate, bulks, a big commit', async () => {
  const ask = await startUnit();
  const before = await unit();
  await lab.b.start({ program: ourProgram });
  const peer = lab.b.node();
  await lab.b.load(tcpLoad(FLOWS));
  const external = async () =>
    Number(/cache external:\ncurrent active connections:\s+(\d+)/.exec(await ask('-s'))![1]);
  const begun = performance.now();
  // For longer than the watchdog waits, all at once.
  for (let round = 0; performance.now() - begun < 3 * WATCHDOG * 1000; round++) {
    await Promise.all([
      lab.a.load(tcpLoad(FLOWS, { first: 1_000_000 + round * FLOWS, timeout: 60 })),
      ask('-n'),
      ask('-B'),
    ]);
    await until('a bulk', async () => (await external()) >= FLOWS, 60_000);
    await ask('-c');
    await lab.a.conntrack('-F');
  }
  expect(peer.running()).toBe(true);
  expect(await unit()).toEqual(before);
}, 180_000);

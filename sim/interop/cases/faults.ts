/** What nodes do about a link that loses, and about a peer that starts again. */

import { type TcpConnection, tcpLoad, until } from '../../netns/lab.ts';
import { mustPass, untilEqual } from '../check.ts';
import type { TestCase } from '../test-case.ts';

const LOSS_PERCENT = 30;
/** So many packets must have been lost before the link heals. */
const DROPPED_MIN = 5;
const ROUNDS_MAX = 60;
const FLOWS_A_ROUND = 20;
const FAR = 100_000;

const sourceOf = (line: string): string => /-s (\S+)/.exec(line)![1]!;

const loss: TestCase = {
  letter: 'L',
  name: 'loss',
  sentence: `${LOSS_PERCENT} % of the packets to the backup are lost while flows begin (in FT-FW, also end); equal afterwards: in FT-FW by itself, in NOTRACK after -n, in ALARM by repetition`,
  lab: {},
  async play(stage) {
    const { primary, backup, setting } = stage;
    const doomed = tcpLoad(50, { first: FAR });
    await primary.load(doomed);
    await stage.start();
    await stage.requestResync(backup);
    await untilEqual(primary, backup);
    const lossy = await backup.lose(LOSS_PERCENT);
    let rounds = 0;
    while ((await lossy.dropped()) < DROPPED_MIN) {
      if (rounds === ROUNDS_MAX)
        throw new Error(`only ${await lossy.dropped()} packets to the backup were lost`);
      await primary.load(tcpLoad(FLOWS_A_ROUND, { first: FLOWS_A_ROUND * rounds++ }));
    }
    // What plain NOTRACK and ALARM lose of an end stays lost until a timeout.
    if (setting.mode === 'ftfw') await primary.conntrack('-D', '-s', sourceOf(doomed[0]!));
    await lossy.stop();
    if (setting.mode === 'notrack') await stage.requestResync(backup);
    await untilEqual(primary, backup);
  },
};

const backupRestart: TestCase = {
  letter: 'R',
  name: 'backup-restart',
  sentence: 'the backup is killed, flows begin and end, it starts again and asks (-n): equal',
  async play(stage) {
    const { primary, backup } = stage;
    await stage.start();
    const [old, ended, fresh] = [0, FAR, 2 * FAR].map((first) => tcpLoad(100, { first }));
    await primary.load([...old!, ...ended!]);
    await untilEqual(primary, backup);
    await backup.node().kill();
    await primary.conntrack('-D', '-s', sourceOf(ended![0]!));
    await primary.load(fresh!);
    await stage.startNode(backup);
    await stage.heard();
    await stage.requestResync(backup);
    await untilEqual(primary, backup);
  },
};

const primaryRestart: TestCase = {
  letter: 'P',
  name: 'primary-restart',
  sentence:
    'the primary is killed, flows begin, it starts again and sends all (-B): equal, and new flows arrive',
  async play(stage) {
    const { primary, backup, setting } = stage;
    await stage.start();
    await primary.load(tcpLoad(100));
    await untilEqual(primary, backup);
    await primary.node().kill();
    await primary.load(tcpLoad(100, { first: FAR }));
    await stage.startNode(primary);
    await stage.heard();
    if (setting.mode !== 'alarm') await primary.node().command('-B');
    await untilEqual(primary, backup);
    await primary.load(tcpLoad(100, { first: 2 * FAR }));
    await untilEqual(primary, backup);
  },
};

const linkChange: TestCase = {
  letter: 'C',
  name: 'link-change',
  sentence: 'of two dedicated links the first fails, then the second: replication changes over and back',
  lab: { syncLinks: 2, translatedPorts: [30_000, 39_999] },
  async play(stage) {
    const { lab, primary } = stage;
    await stage.start();
    const connections: TcpConnection[] = [];
    const connectOver = async (link: string) => {
      await until(`${link} is the primary's dedicated link`, async () => {
        const text = await primary.node().command('-s', 'link');
        return new RegExp(`device=${link} status=RUNNING role=ACTIVE`).test(text);
      });
      const connection = await lab.connect();
      connections.push(connection);
      await lab.replicated(connection);
    };
    await connectOver('sync0');
    await primary.setLinks('down', 'sync0');
    await connectOver('sync1');
    await primary.setLinks('up', 'sync0');
    await primary.setLinks('down', 'sync1');
    await connectOver('sync0');
    await lab.failover({ commit: true });
    for (const connection of connections)
      mustPass('a connection after the failover', await connection.exchange());
  },
};

export const FAULTS: readonly TestCase[] = [loss, backupRestart, primaryRestart, linkChange];

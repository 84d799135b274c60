import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type CommandScript,
  type NotifyFifo,
  startKeepalived,
  VRRP_RULES,
} from '../../sim/netns/keepalived.ts';
import {
  type ConntrackdNode,
  type Exchange,
  missingForLab,
  type Program,
  type TcpConnection,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import { ourLauncher } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'keepalived'])).toEqual([]);
});

/** The client commands of VyOS's script for its VRRP groups, in their order. */
const VYOS: CommandScript = {
  program: ourLauncher,
  commands: {
    primary: ['-c', '-c exp', '-f', '-R', '-B'],
    backup: ['-s', '-t', '-n'],
    fault: ['-t'],
  },
};

const BACKUP = /flushing conntrack table in 60 secs.*resync requested/s;
const PRIMARY = /committing all external caches.*flushing caches.*resync with master.*sending bulk update/s;

interface Talk {
  /** Waits until this many more exchanges have succeeded on each connection. */
  untilMore(count: number): Promise<void>;
  /** Ends it. Resolves to the exchanges that failed. */
  stop(): Promise<readonly Exchange[]>;
}

/** Exchanges lines over the connections, one after the other on each. A connection that fails ends. */
function talkOver(connections: readonly TcpConnection[]): Talk {
  let talking = true;
  const succeeded = connections.map(() => 0);
  const failed: Exchange[] = [];
  const talks = connections.map(async (connection, at) => {
    while (talking) {
      const exchange = await connection.exchange(20_000);
      if (!exchange.ok) {
        failed.push(exchange);
        return;
      }
      succeeded[at]!++;
    }
  });
  return {
    async untilMore(count) {
      const before = [...succeeded];
      await until(
        'further exchanges on each connection',
        () => failed.length > 0 || succeeded.every((now, at) => now >= before[at]! + count),
        30_000,
      );
    },
    async stop() {
      talking = false;
      await Promise.all(talks);
      return failed;
    },
  };
}

/** What a node has logged from now on. */
function logFromNow(node: ConntrackdNode): () => string {
  const { length } = node.log();
  return () => node.log().slice(length);
}

const fifoIn = (directory: string) => join(directory, 'keepalived.fifo');

/** @param how the way in which keepalived gives the node its role, for a given folder */
async function handsOver(how: (directory: string) => Program | CommandScript | NotifyFifo): Promise<void> {
  await withLab({ withoutVirtualAddresses: true, rules: VRRP_RULES }, async (lab) => {
    const settings = ({ directory }: { readonly directory: string }) =>
      `[failover]\nkeepalived_fifo = "${fifoIn(directory)}"\ngroup = "G1"\n`;
    const program = { program: ourLauncher, daemonize: true, settings };
    await lab.startNodes({ a: program, b: program });
    const [nodeA, nodeB] = [lab.a.node(), lab.b.node()];
    const a = await startKeepalived(lab, lab.a, how(nodeA.paths.directory));
    await a.untilMaster();
    await until('A is primary', () => PRIMARY.test(nodeA.log()));
    const b = await startKeepalived(lab, lab.b, how(nodeB.paths.directory));
    await b.untilBackup();
    await until('B is backup', () => BACKUP.test(nodeB.log()));

    const connections = await Promise.all(Array.from({ length: 4 }, () => lab.connect()));
    const talk = talkOver(connections);
    await talk.untilMore(1);
    await lab.replicated(...connections);

    const log = logFromNow(nodeB);
    await nodeA.kill();
    await a.kill();
    await lab.a.setLinks('down', 'in0', 'out0');
    await b.untilMaster();
    await until('B is primary', () => PRIMARY.test(log()));
    await talk.untilMore(2);
    expect(await talk.stop()).toEqual([]);
    expect(log()).toMatch(/Committed [1-9]\d* new entries/);
    expect(b.log()).not.toMatch(/error|failed/i);
  });
}

describe.concurrent('TCP connections that talk all the while outlive the master', () => {
  test("with Debian's primary-backup.sh and our launcher", () => handsOver(() => ourLauncher));

  test("with VyOS's commands and our launcher", () => handsOver(() => VYOS));

  test('with a FIFO and no script', () => handsOver((directory) => ({ fifo: fifoIn(directory) })));
});

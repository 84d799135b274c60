/** What goes on when the primary dies. */

import {
  ADDRESSES,
  type Family,
  flowsMatching,
  type Lab,
  sampleFlows,
  type TcpConnection,
  until,
} from '../../netns/lab.ts';
import { differenceOf, mustFail, mustPass, untilEqual } from '../check.ts';
import type { Stage } from '../stage.ts';
import type { TestCase } from '../test-case.ts';

/** Long enough for several retransmissions, short enough to wait for a failure that must come, in milliseconds. */
const HOPELESS_MS = 1_500;
/** A segment that was sent in vain is repeated ever later. */
const RETRANSMITTED_MS = 10_000;

/** Translated flows get ports of their own, so that nothing can restore the translation by chance. */
const TRANSLATED = { translatedPorts: [30_000, 39_999] } as const;

async function openConnection(lab: Lab, family: Family = 4): Promise<TcpConnection> {
  const connection = await lab.connect({ family });
  mustPass('a connection through the primary', await connection.exchange());
  return connection;
}

const survival: TestCase = {
  letter: 'S',
  name: 'survival',
  sentence: 'a TCP connection is silent after the failover, and goes on with the commit (-c)',
  lab: TRANSLATED,
  async play(stage) {
    const { lab, backup } = stage;
    await stage.start();
    const connection = await openConnection(lab);
    await lab.replicated(connection);
    await lab.failover({ commit: false });
    mustFail('the connection before the commit', await connection.exchange(HOPELESS_MS));
    await lab.becomePrimary(backup);
    mustPass('the connection after the commit', await connection.exchange(RETRANSMITTED_MS));
  },
};

const failback: TestCase = {
  letter: 'F',
  name: 'failback',
  sentence:
    'the first primary comes back with an empty table, learns all, and takes over again; connections live on',
  lab: TRANSLATED,
  async play(stage) {
    const { lab, primary, backup } = stage;
    await stage.start();
    const first = await openConnection(lab);
    await lab.replicated(first);
    await lab.failover({ commit: true });
    mustPass('the connection through the backup', await first.exchange());
    const second = await openConnection(lab);
    await primary.conntrack('-F');
    await primary.setLinks('up', 'in0', 'out0');
    await stage.startNode(primary);
    await stage.heard();
    await stage.requestResync(primary);
    await untilEqual(backup, primary);
    await lab.replicated(first, second);
    await lab.failover({ commit: true });
    mustPass('the first connection through the primary again', await first.exchange());
    mustPass('the second connection through the primary', await second.exchange());
  },
};

async function kernelSamples(flows: Stage['primary'], destinations: ReadonlySet<string>): Promise<string[]> {
  const table = await flows.flows();
  return table.filter(({ original }) => destinations.has(original.sport ?? '')).map(({ text }) => text);
}

const translatedSamples = sampleFlows().filter(
  ({ name }) => name.includes('translated') && !name.startsWith('icmp'),
);
const sourcePorts = new Set(
  translatedSamples.map(({ arguments: words }) => words[words.indexOf('--sport') + 1]!),
);

const nat: TestCase = {
  letter: 'N',
  name: 'nat',
  sentence:
    'translated flows, with ports of their own: the kernels are equal after the commit, and the server still reaches the client',
  lab: TRANSLATED,
  async play(stage) {
    const { lab, primary, backup } = stage;
    await stage.start();
    const [connection, udp] = [await openConnection(lab), await lab.openUdp()];
    mustPass('a UDP flow through the primary', await udp.exchange());
    if (udp.translated.address !== ADDRESSES.outsideVirtual.v4) {
      throw new Error(`the server saw ${udp.translated.address}: no translation`);
    }
    await primary.load(translatedSamples.map(({ arguments: words }) => words.join(' ')));
    await lab.replicated(connection, udp);
    await untilEqual(primary, backup);
    const before = await kernelSamples(primary, sourcePorts);
    if (before.length !== translatedSamples.length)
      throw new Error(`${before.length} samples at the primary`);
    await lab.failover({ commit: true });
    const difference = differenceOf(before, await kernelSamples(backup, sourcePorts));
    if (difference !== '') throw new Error(`the backup's kernel after the commit: ${difference}`);
    mustPass('the connection through the backup', await connection.exchange());
    mustPass('the UDP flow through the backup', await udp.exchange());
  },
};

async function surviveBoth(stage: Stage, family: Family): Promise<void> {
  const { lab } = stage;
  await stage.start();
  const [connection, udp] = [await openConnection(lab, family), await lab.openUdp({ family })];
  mustPass('a UDP flow through the primary', await udp.exchange());
  await lab.replicated(connection, udp);
  await lab.failover({ commit: true });
  mustPass('the connection through the backup', await connection.exchange());
  mustPass('the UDP flow through the backup', await udp.exchange());
}

const ipv6: TestCase = {
  letter: '6',
  name: 'ipv6',
  sentence: 'a TCP connection and a UDP flow over IPv6 outlive the primary',
  lab: TRANSLATED,
  play: (stage) => surviveBoth(stage, 6),
};

const ipv6Link: TestCase = {
  letter: 'I',
  name: 'ipv6-link',
  sentence: 'over a dedicated link with IPv6 addresses a TCP connection and a UDP flow outlive the primary',
  lab: TRANSLATED,
  configuration: { both: { family: 6 } },
  play: (stage) => surviveBoth(stage, 4),
};

const direct: TestCase = {
  letter: 'D',
  name: 'direct',
  sentence: 'with DisableExternalCache at the backup its kernel has the flows, and no commit is needed',
  lab: TRANSLATED,
  configuration: { both: {}, backup: { inMode: ['DisableExternalCache On'] } },
  async play(stage) {
    const { lab, backup } = stage;
    await stage.start();
    const connection = await openConnection(lab);
    await until('the connection in the kernel of the backup', async () => {
      const ports = { sport: String(connection.localPort), dport: String(connection.remotePort) };
      return flowsMatching(await backup.flows(), ports).some(({ flags }) => flags.includes('ASSURED'));
    });
    await lab.failover({ commit: false });
    mustPass('the connection through the backup', await connection.exchange());
  },
};

export const FAILOVERS: readonly TestCase[] = [survival, failback, nat, ipv6, ipv6Link, direct];

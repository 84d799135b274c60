// Captures the kernel's ctnetlink messages together with what a real C node sends for each of them, for
// vendor-fixtures/netlink. Run as root:
//
//   npm run build && node dist/sim/netns/capture-netlink.js [directory]

import { mkdir, writeFile } from 'node:fs/promises';
import { endianness, release } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  CtnetlinkMessage,
  Group,
  NETLINK_NETFILTER,
  Subsystem,
} from '../../src/kernel/codec/ctnetlink-numbers.ts';
import { AF_NETLINK, libc, SO_RCVBUFFORCE, SOCK_RAW, SOL_SOCKET } from '../../src/system/libc.ts';
import { messageFlags, messageType, NLM_F_CREATE } from '../../src/system/netlink.ts';
import { ReceiveBatch } from '../../src/system/receive-batch.ts';
import { netlinkAddress } from '../../src/system/socket-address.ts';
import { cProgramPath } from './c-program.ts';
import {
  inside,
  isSyncFlow,
  joinByLink,
  makeFlows,
  openCollector,
  prepareTranslation,
  realTraffic,
  startBareNode,
} from './kernel-lab.ts';
import { createNamespace } from './namespace.ts';
import { run } from './process.ts';
import { openScope } from './scope.ts';
import { until } from './until.ts';

export interface NetlinkFixture {
  /** `NEW`, `UPDATE`, `DESTROY`, or with `EXP` before it. */
  readonly kind: string;
  /** The kernel's message. */
  readonly message: string;
  /** The attributes that the C node sent for it. */
  readonly wire: string;
}

export interface NetlinkFixtureFile {
  /** How, where and with which program the capture was made. */
  readonly captured: string;
  /** Byte order of the machine, which netlink's own integers have. */
  readonly endianness: 'LE' | 'BE';
  readonly events: readonly NetlinkFixture[];
}

function kindOf(message: Uint8Array): string {
  const type = messageType(message, 0);
  const prefix = type >>> 8 === Subsystem.EXPECTATION ? 'EXP ' : '';
  if ((type & 0xff) === CtnetlinkMessage.DELETE) return `${prefix}DESTROY`;
  return prefix + ((messageFlags(message, 0) & NLM_F_CREATE) !== 0 ? 'NEW' : 'UPDATE');
}

/** The kernel's events of a laboratory, and what the C node in it sent for each. */
export async function captureNetlink(): Promise<NetlinkFixtureFile> {
  const scope = openScope('ctn');
  try {
    const firewall = await createNamespace(scope, 'fw');
    const server = await createNamespace(scope, 'srv');
    await joinByLink(firewall, server);
    await prepareTranslation(firewall);
    await firewall.sysctl({
      'net.netfilter.nf_conntrack_acct': 1,
      'net.netfilter.nf_conntrack_timestamp': 1,
    });
    const collector = openCollector(server.name);
    await startBareNode(firewall, scope.directory, {
      mode: 'DisableInternalCache on',
      link: { from: '10.99.0.1', to: '10.99.0.2', device: 'sync0' },
    });
    const fd = inside(firewall.name, () => {
      const socket = libc().socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
      libc().setsockoptInt(socket, SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20);
      libc().bind(socket, netlinkAddress(0, Group.FLOW_NEW | Group.FLOW_UPDATE | Group.FLOW_DESTROY));
      return socket;
    });
    await makeFlows(firewall);
    await realTraffic(firewall, server);
    await firewall.must('conntrack', ['-F']);

    const ring = new ReceiveBatch(libc(), 64, 8192);
    const messages: Uint8Array[] = [];
    const readEvents = () => {
      for (let count = ring.receive(fd); count > 0; count = ring.receive(fd)) {
        for (let slot = 0; slot < count; slot++) {
          const start = ring.offset(slot);
          messages.push(ring.bytes.slice(start, start + ring.length(slot)));
        }
      }
    };
    const { sent, reported } = await until('the C node sends a message for each event', () => {
      readEvents();
      // The replication traffic has a flow of its own, which comes and goes with the messages; the node does not send the
      // last event of it.
      const sent = collector.collect().filter(({ wire }) => !isSyncFlow(wire));
      const reported = messages
        .map((message) => ({ kind: kindOf(message), message: Buffer.from(message).toString('hex') }))
        .filter(({ message }) => !message.includes('0a630001') || !message.includes('0a630002'));
      if (sent.length !== reported.length) {
        throw new Error(`${reported.length} events of the kernel, but ${sent.length} messages of the C node`);
      }
      return { sent, reported };
    });
    libc().close(fd);
    collector.close();
    const events = reported.map((event, n) => ({ ...event, wire: sent[n]!.wire }));
    const version = (await run(cProgramPath(), ['-v'])).stdout.trim().split('\n')[0];
    return {
      captured: `sim/netns/capture-netlink.ts, Linux ${release()}, ${version}, NOTRACK, DisableInternalCache on, no CommitTimeout`,
      endianness: endianness(),
      events,
    };
  } finally {
    await scope.close();
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const directory = process.argv[2] ?? 'vendor-fixtures/netlink';
  await mkdir(directory, { recursive: true });
  const file = await captureNetlink();
  const text = JSON.stringify(file, null, 1);
  await writeFile(join(directory, 'events.json'), `${text}\n`);
  console.log(`${file.events.length} events`);
}

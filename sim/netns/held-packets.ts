/** Packets of a namespace that are held, so that those which begin flows at once do so in every run. */

import { join } from 'node:path';
import { networkWord } from '../../src/bytes/endian.ts';
import { writeU32 } from '../../src/bytes/integers.ts';
import { KERNEL, openNetfilterSocket } from '../../src/kernel/ctnetlink/netfilter-socket.ts';
import {
  COPY_PACKET,
  HelperSubsystem,
  QueueConfig,
  QueueMessage,
  Verdict,
} from '../../src/kernel/userspace-helper/numbers.ts';
import { putBindQueue, putVerdict } from '../../src/kernel/userspace-helper/queue-messages.ts';
import { readQueuedPacket } from '../../src/kernel/userspace-helper/queued-packet.ts';
import { Errno } from '../../src/system/errno.ts';
import { libc, MSG_DONTWAIT } from '../../src/system/libc.ts';
import { watchReadable } from '../../src/system/loop/readable-watch.ts';
import {
  HEADERS,
  messageErrno,
  messageType,
  NetlinkWriter,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  wholeMessage,
} from '../../src/system/netlink.ts';
import { iptablesPrograms } from './iptables.ts';
import { inside } from './kernel-lab.ts';
import type { Namespace } from './namespace.ts';

/** Lets nft's rules jump to a chain `queued` of the table `ip mangle`: nft itself queues only where the kernel has CONFIG_NFT_QUEUE. */
async function makeQueueChain(namespace: Namespace, programs: string, queueNum: number): Promise<void> {
  const iptables = (...args: readonly string[]) =>
    namespace.must(join(programs, 'iptables'), ['-t', 'mangle', ...args]);
  await iptables('-N', 'queued');
  await iptables('-A', 'queued', '-j', 'NFQUEUE', '--queue-num', String(queueNum));
}

export interface HeldPackets {
  /** Packets that were held so far. */
  readonly held: number;
  /** A folder with the programs of iptables, which knows of rules what nft does not. */
  readonly programs: string;
  close(): void;
}

export interface HoldOptions {
  /** Of nft: which packets, `udp dport 53 ct state new`. */
  readonly match: string;
  /** So many are held at a time, and then go on together in their order. */
  readonly together: number;
}

const QUEUE_NUM = 9;
/** After source translation, and before a flow is confirmed. */
const PRIORITY = 200;
const MESSAGE_MAX = 72 * 1024;

/** Holds packets as they leave, when their flows are translated, and not yet in the table. */
export async function holdPackets(
  namespace: Namespace,
  { match, together }: HoldOptions,
): Promise<HeldPackets> {
  const system = libc();
  const fd = inside(namespace.name, () => openNetfilterSocket(system, 0, () => {}));
  const buffer = new Uint8Array(new ArrayBuffer(MESSAGE_MAX));
  const writer = new NetlinkWriter(1024);
  const send = (put: () => void) => {
    writer.at = 0;
    put();
    const sent = system.sendTo(fd, writer.bytes, writer.at, 0, KERNEL);
    if (sent < 0) throw system.error('sendto (packet queue)', -sent);
  };
  const waiting: number[] = [];
  let held = 0;
  const take = (at: number, end: number) => {
    if (messageType(buffer, at) === NLMSG_ERROR) {
      const errno = messageErrno(buffer, at);
      if (errno !== 0) throw system.error('packet queue', errno);
      return;
    }
    waiting.push(readQueuedPacket(buffer, at, end)!.id);
    held++;
    if (waiting.length < together) return;
    for (const id of waiting.splice(0))
      send(() => putVerdict(writer, QUEUE_NUM, id, { verdict: Verdict.ACCEPT }));
  };
  const watch = watchReadable(fd, () => {
    for (;;) {
      const read = system.receive(fd, buffer, MSG_DONTWAIT);
      if (read === -Errno.EAGAIN) return;
      if (read < 0) throw system.error('recv (packet queue)', -read);
      take(0, wholeMessage(buffer, 0, read));
    }
  });
  send(() => putBindQueue(writer, 1, QUEUE_NUM));
  send(() => putCopyPackets(writer, 2));
  const programs = await iptablesPrograms();
  await makeQueueChain(namespace, programs, QUEUE_NUM);
  await namespace.nft(`table ip mangle {
  chain held { type filter hook postrouting priority ${PRIORITY}; ${match} jump queued; }
}`);
  return {
    programs,
    get held() {
      return held;
    },
    close() {
      watch.close();
      system.close(fd);
    },
  };
}

/** Appends a request for whole packets without their flows, which not every kernel's queue tells. */
function putCopyPackets(to: NetlinkWriter, sequence: number): void {
  const began = to.message(
    HelperSubsystem.QUEUE,
    QueueMessage.CONFIG,
    NLM_F_REQUEST | NLM_F_ACK,
    sequence,
    0,
  );
  to.words[(began + HEADERS - 4) >> 2] = networkWord(QUEUE_NUM);
  // struct nfqnl_msg_config_params: copy range (u32), copy mode (u8), packed.
  const params = new Uint8Array(5);
  writeU32(params, 0, MESSAGE_MAX);
  params[4] = COPY_PACKET;
  to.copy(QueueConfig.PARAMS, params, 0, params.length);
  to.endMessage(began);
}

/** Removes flows of the kernel's table that a listing has read. */

import type { ListedFlow } from '../../flow/listed/listed-flow.ts';
import { Errno } from '../../system/errno.ts';
import { libc } from '../../system/libc.ts';
import { clearFlag, NetlinkWriter, NLM_F_ACK, NLM_F_REQUEST } from '../../system/netlink.ts';
import { Cta, CtnetlinkMessage, NFPROTO_IPV4, NFPROTO_IPV6, Subsystem } from '../codec/ctnetlink-numbers.ts';
import { explain } from '../ctnetlink/kernel-errors.ts';
import { BATCH_REQUESTS } from '../ctnetlink/requests/request-batch.ts';
import { openRequestSocket, type RequestSocket } from '../ctnetlink/requests/request-socket.ts';
import { lastAttribute } from './flow-message.ts';

/** Bytes of a request, at most: the headers, a tuple of IPv6 in a zone, a zone, an identifier. */
const REQUEST_MAX = 256;

/** What names a flow to the kernel. With the identifier no later flow of the same tuple is taken for it. */
const NAMES = [Cta.TUPLE_ORIG, Cta.ZONE, Cta.ID];

/** Requests to remove flows, which are sent together. */
export class FlowRemoval {
  private readonly socket: RequestSocket;
  private readonly writer = new NetlinkWriter(BATCH_REQUESTS * REQUEST_MAX);
  private sequence = 1;
  private count = 0;
  private lastAt = 0;

  /** @throws KernelError */
  constructor() {
    this.socket = openRequestSocket(libc());
  }

  /** True where there is no room for another flow until `run`. */
  get isFull(): boolean {
    return this.count === BATCH_REQUESTS;
  }

  /** Adds the flow that was read last, whose message is in `bytes`: repeats its names as they stand there. */
  addLast(flow: ListedFlow, bytes: Uint8Array): void {
    const { writer } = this;
    if (this.isFull) throw new RangeError('run() comes before another flow');
    if (this.count > 0) clearFlag(writer.bytes, this.lastAt, NLM_F_ACK);
    this.lastAt = writer.at;
    const sequence = (this.sequence + this.count) >>> 0;
    const flags = NLM_F_REQUEST | NLM_F_ACK;
    const family = flow.family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
    const message = writer.message(Subsystem.FLOW, CtnetlinkMessage.DELETE, flags, sequence, family);
    for (const type of NAMES) {
      const found = lastAttribute(type);
      if (found !== undefined) writer.copy(type, bytes, found.at, found.size);
    }
    writer.endMessage(message);
    this.count++;
  }

  /**
   * Sends the requests. Returns whether each flow was removed by its, in order; else it had ended before.
   * @throws KernelError where the kernel refuses to remove a flow
   */
  run(): readonly boolean[] {
    const { socket, writer, count } = this;
    if (count === 0) return [];
    const answers = [...socket.exchange(writer.bytes, writer.at, this.sequence, count)];
    this.sequence = (this.sequence + count) >>> 0;
    this.count = 0;
    writer.at = 0;
    const refused = answers.find((errno) => errno !== 0 && errno !== Errno.ENOENT);
    if (refused !== undefined) throw explain(libc().error('delete of a flow', refused));
    return answers.map((errno) => errno === 0);
  }

  close(): void {
    this.socket.close();
  }
}

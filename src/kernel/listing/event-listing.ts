/** Reads the kernel's events about flows for a listing. */

import { alignedWordsOf } from '../../bytes/words.ts';
import { Change } from '../../flow/change.ts';
import { ListedFlow } from '../../flow/listed/listed-flow.ts';
import { Errno } from '../../system/errno.ts';
import { type Libc, libc, MSG_DONTWAIT } from '../../system/libc.ts';
import { type Watch, watchReadable } from '../../system/loop/readable-watch.ts';
import { messageFlags, messagePort, NLM_F_CREATE, NLM_F_EXCL, walkMessages } from '../../system/netlink.ts';
import { setReceiveBuffer } from '../../system/receive-buffer.ts';
import { CtnetlinkMessage, Group, Subsystem } from '../codec/ctnetlink-numbers.ts';
import { explain } from '../ctnetlink/kernel-errors.ts';
import { openNetfilterSocket } from '../ctnetlink/netfilter-socket.ts';
import { readFlowMessage } from './flow-message.ts';

/** Bytes of the receive buffer, as the kernel accounts them: some 10,000 events. */
const BUFFER_BYTES = 8 << 20;
/** Bytes for one event; the longest has less than 1,000. */
const EVENT_MAX = 8192;

const GROUPS: ReadonlyMap<Change, number> = new Map([
  [Change.NEW, Group.FLOW_NEW],
  [Change.UPDATE, Group.FLOW_UPDATE],
  [Change.DESTROY, Group.FLOW_DESTROY],
]);

/**
 * Called with a flow, which is valid until it returns.
 * @param port netlink port of the program that caused the event; 0 where that was traffic or time
 */
export type TakeEvent = (change: Change, flow: ListedFlow, port: number) => void;

export class EventListing {
  /** How often the kernel dropped events, because the buffer was full: how many it does not say. */
  overruns = 0;
  /** Messages that could not be parsed. */
  malformed = 0;
  private readonly system: Libc;
  private readonly fd: number;
  private readonly buffer = new Uint8Array(new ArrayBuffer(EVENT_MAX));
  private readonly words = alignedWordsOf(this.buffer);
  private readonly flow = new ListedFlow();
  private watching: Watch | undefined;

  /** @throws KernelError */
  constructor(changes: readonly Change[]) {
    const system = libc();
    this.system = system;
    const groups = changes.reduce((bits: number, change) => bits | GROUPS.get(change)!, 0);
    this.fd = openNetfilterSocket(system, groups, (fd) => setReceiveBuffer(system, fd, BUFFER_BYTES));
  }

  /** Calls `ready` when events are waiting, and again until they are read. */
  watch(ready: () => void): void {
    this.watching = watchReadable(this.fd, ready);
  }

  /**
   * Passes at most `limit` waiting events to `take`. Returns whether there may be more.
   * @throws KernelError
   */
  read(take: TakeEvent, limit: number): boolean {
    for (let n = 0; n < limit; n++) {
      const received = this.system.receive(this.fd, this.buffer, MSG_DONTWAIT);
      if (received === -Errno.EAGAIN) return false;
      if (received === -Errno.ENOBUFS) {
        this.overruns++;
        continue;
      }
      if (received < 0) throw explain(this.system.error('recv (netlink events)', -received));
      const isWhole = walkMessages(this.buffer, received, (type, at, end) => {
        this.event(type, at, end, take);
        return true;
      });
      if (!isWhole) this.malformed++;
    }
    return true;
  }

  private event(type: number, at: number, end: number, take: TakeEvent): void {
    const kind = type & 0xff;
    if (type >>> 8 !== Subsystem.FLOW) return;
    if (kind !== CtnetlinkMessage.NEW && kind !== CtnetlinkMessage.DELETE) return;
    if (!readFlowMessage(this.buffer, this.words, at, end, this.flow)) {
      this.malformed++;
      return;
    }
    const isNew = (messageFlags(this.buffer, at) & (NLM_F_CREATE | NLM_F_EXCL)) !== 0;
    const change = kind === CtnetlinkMessage.DELETE ? Change.DESTROY : isNew ? Change.NEW : Change.UPDATE;
    take(change, this.flow, messagePort(this.buffer, at));
  }

  close(): void {
    this.watching?.close();
    this.system.close(this.fd);
  }
}

import { Errno } from '../system/errno.ts';
import { ifNameToIndex, interfaceFlags } from '../system/interfaces.ts';
import { AF_NETLINK, type Libc, MSG_DONTWAIT, MSG_TRUNC, SOCK_RAW } from '../system/libc.ts';
import { watchReadable } from '../system/loop/readable-watch.ts';
import { netlinkAddress } from '../system/socket-address.ts';
import { SystemError } from '../system/system-error.ts';
import { type InterfaceListener, readLinkMessages } from './rtnetlink.ts';

const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 1;
/** One message describes one interface; with many virtual functions it grows to some kilobytes. */
const BUFFER_SIZE = 65_536;
/** Messages read before the event loop continues. */
const MESSAGES_PER_TURN = 64;

/**
 * Watches network interfaces: calls `changed` with the index and the `IFF_*` flags of those named, once now and again whenever
 * the kernel reports them. An interface that is gone has the flags 0.
 * @returns ends the watch
 * @throws SystemError where rtnetlink cannot be opened
 */
export function watchInterfaces(
  libc: Libc,
  names: readonly string[],
  changed: InterfaceListener,
): () => void {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    libc.bind(fd, netlinkAddress(0, RTMGRP_LINK));

    const queryAll = () => {
      for (const name of names) {
        const found = find(name);
        if (found) changed(name, found.index, found.flags);
      }
    };
    const buffer = new Uint8Array(BUFFER_SIZE);
    const report: InterfaceListener = (name, index, flags) => {
      if (names.includes(name)) changed(name, index, flags);
    };
    const watch = watchReadable(fd, () => {
      for (let turn = 0; turn < MESSAGES_PER_TURN; turn++) {
        const read = libc.receive(fd, buffer, MSG_DONTWAIT | MSG_TRUNC);
        if (read === -Errno.EAGAIN) return;
        // ENOBUFS: messages were lost. The current state can be queried.
        if (read < 0 || read > buffer.length || !readLinkMessages(buffer, read, report)) queryAll();
      }
    });
    // After the watch, so that no change is missed.
    queryAll();
    return () => {
      watch.close();
      libc.close(fd);
    };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Undefined where the kernel could not be asked, for instance because no descriptor is left. */
function find(name: string): { index: number; flags: number } | undefined {
  try {
    return { index: ifNameToIndex(name), flags: interfaceFlags(name) };
  } catch (error) {
    const gone = error instanceof SystemError && error.errno === Errno.ENODEV;
    return gone ? { index: 0, flags: 0 } : undefined;
  }
}

import { libc as systemCalls } from '../system/libc.ts';
import { DatagramBatch } from '../system/receive-batch.ts';
import { openUnixSockets, type UnixSockets } from '../system/unix-datagrams.ts';
import { AddressTable } from './address-table.ts';
import { DatagramLink } from './datagram-link.ts';
import type { Link, LinkSink } from './link.ts';
import { DEFAULT_SENDER_RULES } from './senders/allowed-senders.ts';

const SLOTS = 4;
const SLOT_SIZE = 65_536;
const SEGMENTS_MAX = 16;

/**
 * The two ends of a link within this process, for the warm-up: what one end sends reaches the other end's sink through the same
 * code as over a network.
 * @param payloadLimit see {@link Link}
 */
export function openWarmUpLink(sinks: readonly [LinkSink, LinkSink], payloadLimit: number): [Link, Link] {
  const libc = systemCalls();
  const batch = new DatagramBatch(libc, SLOTS, SLOT_SIZE);
  const one = openUnixSockets(libc);
  let other: UnixSockets;
  try {
    other = openUnixSockets(libc);
  } catch (error) {
    libc.close(one.sender);
    libc.close(one.receiver);
    throw error;
  }
  const end = ({ sender, receiver }: UnixSockets, { address }: UnixSockets, sink: LinkSink): Link => {
    const owner = {
      // Nobody waits for what is lost here.
      send: async (datagram: Uint8Array) => datagram.length,
      close: async () => libc.close(sender),
    };
    return new DatagramLink(
      0,
      { interface: 'warm-up', interfaceIndex: 0, payloadLimit },
      {
        libc,
        batch,
        senders: new AddressTable(),
        senderRules: DEFAULT_SENDER_RULES,
        sink,
        warn: () => {},
        needsOwnInterface: () => false,
      },
      { receiver, sender, destination: address, allowed: undefined, owner },
      SEGMENTS_MAX,
    );
  };
  return [end(one, other, sinks[0]), end(other, one, sinks[1])];
}

import { libc as systemCalls } from '../system/libc.ts';
import { DatagramBatch } from '../system/receive-batch.ts';
import { openUnixSockets, type UnixSockets } from '../system/unix-datagrams.ts';
import { AddressTable } from './address-table.ts';
import { DatagramLink } from './datagram-link.ts';
import { PlainIntake } from './intake/intake.ts';
import { Refusals } from './intake/refusals.ts';
import type { Link, LinkSink } from './link.ts';
import { AddressList } from './senders/address-list.ts';
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
  const end = ({ sender, receiver }: UnixSockets, peer: UnixSockets, sink: LinkSink): Link => {
    const allowed = new AddressList(1);
    allowed.add(peer.senderAddress, 0);
    const senders = new AddressTable();
    const refusals = new Refusals();
    const owner = {
      // Nobody waits for what is lost here.
      send: async (datagram: Uint8Array) => datagram.length,
      close: async () => libc.close(sender),
    };
    return new DatagramLink(
      0,
      { interface: 'warm-up', interfaceIndex: 0, payloadLimit, refusals },
      {
        libc,
        batch,
        senders,
        senderRules: DEFAULT_SENDER_RULES,
        sink,
        warn: () => {},
        needsOwnInterface: () => false,
      },
      { receiver, sender, destination: peer.address, allowed, owner },
      new PlainIntake(0, senders, sink, refusals),
      SEGMENTS_MAX,
    );
  };
  return [end(one, other, sinks[0]), end(other, one, sinks[1])];
}

import { libc as systemCalls } from '../kernel/libc.ts';
import { DatagramRing } from '../kernel/rings.ts';
import { openUnixReceiver, openUnixSender } from '../kernel/unix-datagrams.ts';
import { DatagramLink } from './datagram-link.ts';
import type { Link, LinkSink } from './link.ts';
import { Senders } from './senders.ts';

const SLOTS = 4;
const SLOT_SIZE = 65_536;
const TOGETHER = 16;

/**
 * The two ends of a link that never leaves this process, to rehearse with: what one end sends comes to the other end's sink, through
 * the same code as over a network.
 * @param payloadLimit see {@link Link}
 */
export function openRehearsalLink(sinks: readonly [LinkSink, LinkSink], payloadLimit: number): [Link, Link] {
  const libc = systemCalls();
  const receivers = [openUnixReceiver(libc), openUnixReceiver(libc)] as const;
  const ring = new DatagramRing(libc, SLOTS, SLOT_SIZE);
  const end = (which: 0 | 1): Link => {
    const sender = openUnixSender(libc);
    const owner = {
      // Nobody waits for what is lost here.
      send: async (datagram: Uint8Array) => datagram.length,
      close: async () => libc.close(sender),
    };
    return new DatagramLink(
      0,
      { interface: 'rehearsal', interfaceIndex: 0, payloadLimit },
      { libc, ring, senders: new Senders(), sink: sinks[which], warn: () => {} },
      { receiver: receivers[which].fd, sender, destination: receivers[which === 0 ? 1 : 0].address, owner },
      TOGETHER,
    );
  };
  return [end(0), end(1)];
}

import { expect, it } from 'vitest';
import { FlowControl } from '../../../src/sync/ftfw/flow-control.ts';
import { Peer } from '../../../src/sync/ftfw/peer.ts';
import { Retransmission } from '../../../src/sync/ftfw/retransmission.ts';
import { identities } from '../../../src/sync/ftfw/series/identity.ts';
import { Outbox } from '../../../src/sync/outbox.ts';
import { PeerTable } from '../../../src/sync/peer-table.ts';
import { SequenceSource } from '../../../src/sync/sequence.ts';
import { Node } from '../node.ts';

it('what has left the full resend queue is in doubt until a peer has spoken of it, and not because of older numbers', () => {
  const newIdentity = identities();
  const peers = new PeerTable(() => new Peer(newIdentity()));
  const outbox = new Outbox(new Node().replica.internal, 5);
  const sequences = new SequenceSource(0);
  const retransmission = new Retransmission(outbox, new FlowControl(300, sequences, peers), sequences);
  const peer = peers.touch(1, 0);
  peer.evictedFrom = 150;
  peer.evictedTo = 300;
  retransmission.acknowledge(peer, 100, 149);
  expect(peer.evictedFrom).toBe(150);
  retransmission.acknowledge(peer, 100, 151);
  expect(peer.evictedFrom).toBe(152);
  retransmission.acknowledge(peer, 152, 300);
  expect(peer.evictedFrom).toBe(-1);
});

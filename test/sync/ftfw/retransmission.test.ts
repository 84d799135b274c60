import { describe, expect, it } from 'vitest';
import { ack, concat, nack, resync } from '../../../sim/fuzz/messages.ts';
import { MessageType } from '../../../src/wire/header.ts';
import { record } from '../../table/records.ts';
import { connectedNode } from '../node.ts';

const { CT_NEW, CT_UPD, CT_DEL } = MessageType;

describe.each([
  ['somewhere', 1000],
  ['across the end of 32 bits', 0xffff_fffe],
])('FT-FW: retransmission, numbers starting %s', (_, first) => {
  const at = (n: number): number => (first + n) >>> 0;
  /** The number of the ACK that the node sent during the handshake. */
  const before = (): number => at(-1);

  it('gives every message the next number', () => {
    const node = connectedNode({ first });
    node.beginMany(4);
    node.engine.requestResync();
    expect(node.transmit().map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4].map(at));
    node.advance(1000);
    expect(node.transmit().map(({ sequence }) => sequence)).toEqual([at(5)]);
  });

  it('keeps messages, and dead records with them, until an ACK covers them', () => {
    const node = connectedNode({ first });
    node.beginMany(4);
    node.transmit();
    node.end(2);
    expect(node.transmitBrief()).toEqual(['DEL']);
    expect(node.flows.table.size).toBe(4);
    const { queues } = node.engine;
    expect(queues.resendLength).toBe(5);
    node.receive(ack(1, before(), at(1)));
    expect(queues.resendLength).toBe(2);
    expect(node.flows.table.size).toBe(4);
    node.receive(ack(2, at(2), at(4)));
    expect(queues.resendLength).toBe(0);
    expect(node.flows.table.size).toBe(3);
  });

  it('resends NACKed records in their current state and under new numbers', () => {
    const node = connectedNode({ first });
    node.beginMany(5);
    node.transmit();
    node.receive(nack(1, at(1), at(3)));
    // After the NACK flow 2 ends, and flow 3 changes.
    node.update(3, { mark: 9 });
    node.end(2);
    const again = node.transmit();
    expect(again.map(({ type, sequence }) => [type, sequence])).toEqual([
      [CT_NEW, at(5)],
      [CT_DEL, at(6)],
      [CT_UPD, at(7)],
    ]);
    expect(again[2]!.record).toBe(Buffer.from(record(3, { mark: 9 })).toString('hex'));
    expect(node.engine.queues.resendLength).toBe(6);
  });

  it('resends a NACKed control message, but never ALIVE', () => {
    const node = connectedNode({ first });
    node.engine.requestResync();
    node.transmit();
    node.advance(1000);
    expect(node.transmitBrief()).toEqual(['ALIVE']);
    node.receive(nack(1, at(0), at(1)));
    expect(node.transmitBrief()).toEqual(['RESYNC']);
    node.receive(ack(2, at(0), at(2)));
    node.receive(nack(3, at(0), at(2)));
    expect(node.transmitBrief()).toEqual([]);
  });

  it('goes on behind the numbers that a C peer asks for and that were never sent, because it takes none before them', () => {
    const node = connectedNode({ first });
    node.beginMany(2);
    node.transmit();
    node.receive(nack(1, at(1), at(5000)));
    // It may still be one of ours.
    expect(node.transmit().map(({ sequence }) => sequence)).toEqual([at(2)]);
    node.receive(ack(2, at(0), at(0)));
    node.receive(nack(3, at(1), at(5000)));
    expect(node.transmit().map(({ sequence }) => sequence)).toEqual([at(5001)]);
  });

  it('sends again what a peer has skipped for a second without asking for it', () => {
    const node = connectedNode({ first });
    node.beginMany(4);
    node.transmit();
    node.receive(ack(0x8000_0001, at(0), at(0)), 99);
    node.receive(ack(0x8000_0002, at(2), at(3)), 99);
    const sent: number[] = [];
    for (let n = 0; n < 4; n++) {
      node.advance(1000);
      sent.push(...node.transmit().map(({ type }) => type));
    }
    expect(sent.filter((type) => type === CT_NEW)).toHaveLength(1);
  });

  it('sends a flow that came back as NEW until the peer has it, though its first NEW left the full queue', () => {
    const node = connectedNode({ first, resendQueueSize: 2 });
    node.begin(1);
    node.transmit();
    node.end(1);
    node.begin(1);
    expect(node.transmitBrief()).toEqual(['NEW']);
    node.beginMany(4, 10);
    node.transmit();
    node.update(1);
    expect(node.transmitBrief()).toEqual(['NEW']);
  });

  it('refuses and counts an ACK of numbers that it did not send', () => {
    const node = connectedNode({ first });
    node.beginMany(2);
    node.transmit();
    node.receive(ack(1, before(), at(2)));
    node.receive(ack(2, at(0), at(1000)));
    expect(node.engine.counters.unfoundedAcks).toBe(2);
    expect(node.engine.queues.resendLength).toBe(3);
    node.receive(ack(3, before(), at(1)));
    expect(node.engine.queues.resendLength).toBe(0);
  });

  it('evicts the oldest message, and its dead record, when the resend queue is full', () => {
    const node = connectedNode({ first, resendQueueSize: 4 });
    node.begin(1);
    node.end(1);
    node.transmit();
    node.beginMany(3, 10);
    node.transmit();
    expect(node.engine.queues.resendLength).toBe(4);
    expect(node.flows.table.size).toBe(4);
    expect(node.engine.queues.evictions).toBe(1);
    node.begin(13);
    node.transmit();
    expect(node.engine.queues.resendLength).toBe(4);
    expect(node.engine.queues.evictions).toBe(2);
    expect(node.flows.table.size).toBe(4);
    node.receive(nack(1, before(), at(4)));
    expect(node.transmit().map(({ type }) => type)).toEqual([CT_NEW, CT_NEW, CT_NEW, CT_NEW]);
  });

  it('keeps nothing with a ResendQueueSize of 0', () => {
    const node = connectedNode({ first, resendQueueSize: 0 });
    node.begin(1);
    node.begin(2);
    node.transmit();
    node.end(1);
    node.transmit();
    expect(node.engine.queues.resendLength).toBe(0);
    expect(node.flows.table.size).toBe(1);
  });

  it('sends both internal caches on RESYNC, dead records included', () => {
    const node = connectedNode({ first });
    node.beginMany(3);
    node.update(1);
    node.end(2);
    node.transmit();
    node.engine.pollEvents();
    node.receive(resync(1));
    expect(node.transmitBrief()).toEqual(['NEW', 'UPD', 'DEL']);
    expect(node.engine.pollEvents()).toEqual([
      { kind: 'resync-requested-by-peer' },
      { kind: 'bulk-update', records: 3 },
    ]);
    expect(node.engine.pollEvents()).toEqual([]);
  });

  it('sends one bulk for all requests of one turn', () => {
    const node = connectedNode({ first });
    node.beginMany(3);
    node.transmit();
    node.receive(concat(...Array.from({ length: 200 }, (_, n) => resync(1 + n))));
    node.engine.sendBulk();
    expect(node.transmitBrief().filter((message) => message === 'NEW').length).toBe(3);
    expect(node.engine.pollEvents().length).toBe(2);
  });
});

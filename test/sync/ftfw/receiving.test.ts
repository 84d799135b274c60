import { describe, expect, it } from 'vitest';
import { alive, data, nack } from '../../../sim/fuzz/messages.ts';
import { LINKS_MAX } from '../../../src/sync/engine.ts';
import { CONTROLS_WAITING_MAX } from '../../../src/sync/message-queues.ts';
import { MessageType } from '../../../src/wire/header.ts';
import { type ParsedMessage, readMessages } from '../../support/datagrams.ts';
import { record } from '../../table/records.ts';
import { connectedNode, receiveMany } from '../node.ts';

const { CT_NEW } = MessageType;

describe.each([
  ['somewhere', 7000],
  ['across the end of 32 bits', 0xffff_ffff - 4],
  ['across the end of 32 bits within the second window', 0xffff_ffff - 310],
])('FT-FW: receiving, numbers starting %s', (_, first) => {
  const at = (n: number): number => (first + n) >>> 0;

  it('acknowledges 300 messages, then the next 300', () => {
    const node = connectedNode();
    receiveMany(node, 1, first, 299);
    expect(node.transmitBrief()).toEqual([]);
    receiveMany(node, 1, at(299), 1);
    expect(node.transmitBrief()).toEqual([`ACK ${first}-${at(299)}`]);
    receiveMany(node, 1, at(300), 300);
    expect(node.transmitBrief()).toEqual([`ACK ${at(300)}-${at(599)}`]);
  });

  it('at a gap, acknowledges the messages before it, NACKs the missing ones, and opens a window behind it', () => {
    const node = connectedNode();
    receiveMany(node, 1, first, 5);
    node.receive(data(CT_NEW, at(8), record(1)));
    expect(node.transmitBrief()).toEqual([`ACK ${first}-${at(4)}`, `NACK ${at(5)}-${at(7)}`]);
    expect(node.engine.counters.lost).toBe(3);
    expect(node.externalFlows.table.size).toBe(1);
    receiveMany(node, 1, at(9), 298);
    expect(node.transmitBrief()).toEqual([]);
    receiveMany(node, 1, at(307), 1);
    expect(node.transmitBrief()).toEqual([`ACK ${at(8)}-${at(307)}`]);
  });

  it('at a gap with no window open, NACKs and acknowledges nothing', () => {
    const node = connectedNode();
    receiveMany(node, 1, first, 300);
    node.transmit();
    node.receive(alive(at(302)));
    expect(node.transmitBrief()).toEqual([`NACK ${at(300)}-${at(301)}`]);
  });

  it('drops and counts stale messages', () => {
    const node = connectedNode();
    receiveMany(node, 1, first, 10);
    expect(node.receive(data(CT_NEW, at(9), record(8)))).toBe(false);
    expect(node.receive(data(CT_NEW, at(3), record(9)))).toBe(false);
    expect(node.engine.counters.stale).toBe(2);
    expect(node.externalFlows.table.size).toBe(1);
    receiveMany(node, 1, at(10), 1);
    expect(node.engine.counters).toMatchObject({ stale: 2, lost: 0 });
  });

  it('after a second without a transmission acknowledges the open window, after another sends ALIVE', () => {
    const node = connectedNode();
    receiveMany(node, 1, first, 7);
    node.advance(999);
    expect(node.transmitBrief()).toEqual([]);
    node.advance(1);
    expect(node.transmitBrief()).toEqual([`ACK ${first}-${at(6)}`]);
    node.advance(1000);
    expect(node.transmitBrief()).toEqual(['ALIVE']);
    receiveMany(node, 1, at(7), 1);
    node.advance(1000);
    expect(node.transmitBrief()).toEqual([`ACK ${at(7)}-${at(7)}`]);
  });

  it('for three seconds after a loss, breaks its silence after 100 ms', () => {
    const node = connectedNode();
    receiveMany(node, 1, first, 3);
    receiveMany(node, 1, at(5), 1);
    expect(node.transmitBrief()).toEqual([`ACK ${first}-${at(2)}`, `NACK ${at(3)}-${at(4)}`]);
    node.advance(99);
    expect(node.transmitBrief()).toEqual([]);
    node.advance(1);
    expect(node.transmitBrief()).toEqual([`ACK ${at(5)}-${at(5)}`]);
    for (let n = 2; n < 30; n++) {
      node.advance(100);
      expect(node.transmitBrief()).toEqual(['ALIVE']);
    }
    node.advance(999);
    expect(node.transmitBrief()).toEqual([]);
    node.advance(1);
    expect(node.transmitBrief()).toEqual(['ALIVE']);
  });

  it('takes a NACK as a sign that messages get lost', () => {
    const node = connectedNode();
    node.begin(1);
    const [{ sequence }] = node.transmit() as [ParsedMessage];
    node.receive(nack(1, sequence, sequence));
    expect(node.transmitBrief()).toEqual(['NEW']);
    node.advance(100);
    expect(node.transmitBrief()).toEqual(['ACK 1-1']);
  });

  it('tracks the numbers of each sender separately', () => {
    const node = connectedNode();
    receiveMany(node, 1, first, 3);
    receiveMany(node, 1 + LINKS_MAX, 50, 3);
    receiveMany(node, 1, at(3), 1);
    node.receive(alive(55), 1 + LINKS_MAX);
    expect(node.engine.counters).toMatchObject({ lost: 2, stale: 0 });
    expect(node.transmitBrief()).toEqual(['ACK 50-52', 'NACK 53-54']);
    node.advance(100);
    expect(node.transmitBrief()).toEqual([`ACK ${first}-${at(3)}`, 'ACK 55-55']);
  });
});

describe('FT-FW: a sender whose every message skips a number', () => {
  it('is answered until the control queue is full; the answers refused are counted', () => {
    const node = connectedNode();
    receiveMany(node, 1, 9000, 1);
    const gaps = 20_000;
    for (let n = 1; n <= gaps; n++) node.receive(alive(9000 + 2 * n));
    const { queues } = node.engine;
    expect(queues.transmitLength).toBe(CONTROLS_WAITING_MAX);
    expect(queues.refusals).toBe(2 * gaps - CONTROLS_WAITING_MAX);
    expect(node.engine.counters.lost).toBe(gaps);
    // Sixteen control messages are sent a millisecond.
    while (queues.transmitLength > 0) {
      node.transmit();
      node.advance(1);
    }
    node.receive(alive(9000 + 2 * gaps + 2));
    expect(node.transmitBrief()).toEqual([
      `ACK ${9000 + 2 * gaps}-${9000 + 2 * gaps}`,
      `NACK ${9000 + 2 * gaps + 1}-${9000 + 2 * gaps + 1}`,
    ]);
  });
});

describe('FT-FW: tracked senders', () => {
  it('replaces the sender that was silent for longest by a new one', () => {
    const node = connectedNode();
    for (let sender = 1; sender <= 64; sender++) {
      node.receive(alive(100), sender);
      node.now++;
    }
    node.receive(alive(101), 2);
    // Sender 99, from the handshake, was replaced first; now sender 1 is.
    node.receive(alive(100), 65);
    expect(node.receive(alive(100), 2)).toBe(false);
    expect(node.receive(alive(100), 1)).toBe(true);
  });

  it('parses its own datagrams', () => {
    const node = connectedNode();
    node.beginMany(100);
    const datagrams = node.emit();
    expect(datagrams.length).toBeGreaterThan(1);
    for (const datagram of datagrams) expect(datagram.length).toBeLessThan(1472);
    expect(datagrams.flatMap(readMessages).length).toBe(100);
  });
});

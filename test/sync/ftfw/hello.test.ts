import { describe, expect, it } from 'vitest';
import { ack, alive, data } from '../../../sim/fuzz/messages.ts';
import { SILENCE_MS } from '../../../src/sync/ftfw/series/series-pulse.ts';
import { Flag, MessageType } from '../../../src/wire/header.ts';
import { record } from '../../table/records.ts';
import { connectedNode, Node, receiveMany } from '../node.ts';

const { CT_NEW } = MessageType;

/** Nothing comes for so long that a HELLO is believed at once; the node itself sends, so that it acknowledges nothing. */
function fallSilent(node: Node): void {
  for (const n of [1, 2]) {
    node.advance(SILENCE_MS / 2);
    node.begin(n);
    node.transmit();
  }
}

describe('FT-FW: the HELLO handshake', () => {
  it('sets HELLO on every message until a HELLO_BACK comes', () => {
    const node = new Node();
    node.begin(1);
    expect(node.transmitBrief()).toEqual(['NEW HELLO']);
    node.update(1);
    node.engine.requestResync();
    expect(node.transmitBrief()).toEqual(['RESYNC HELLO', 'UPD HELLO']);
    node.receive(alive(5, Flag.HELLO_BACK));
    node.update(1);
    expect(node.transmitBrief()).toEqual(['UPD']);
  });

  it('answers a HELLO in its next message, once', () => {
    const node = connectedNode();
    node.begin(1);
    node.begin(2);
    node.receive(alive(7, Flag.HELLO));
    expect(node.transmitBrief()).toEqual(['NEW HELLO_BACK', 'NEW']);
  });

  it('answers every HELLO', () => {
    const node = connectedNode();
    for (const sequence of [7, 8]) {
      node.receive(alive(sequence, Flag.HELLO));
      node.advance(1000);
      expect(node.transmitBrief()[0]).toContain('HELLO_BACK');
    }
  });

  it('ignores a HELLO_BACK before its first HELLO: it answers whoever had the address before', () => {
    const node = new Node();
    node.receive(alive(5, Flag.HELLO_BACK));
    node.begin(1);
    expect(node.transmitBrief()).toEqual(['NEW HELLO']);
  });

  it('resends what a peer has not acknowledged when it sends HELLO, except for ACKs and NACKs of its previous numbers', () => {
    const node = connectedNode();
    node.beginMany(3);
    node.end(1);
    node.transmit();
    expect(node.engine.queues.resendLength).toBe(4);
    node.receive(alive(7, Flag.HELLO));
    expect(node.transmitBrief()).toEqual(['NEW HELLO_BACK', 'DEL', 'NEW']);
    expect(node.engine.queues.resendLength).toBe(3);
  });

  it('resends the messages before the first one that a peer acknowledges', () => {
    const node = new Node({ first: 1000 });
    node.beginMany(3);
    node.transmit();
    node.receive(ack(7, 1002, 1002, Flag.HELLO_BACK));
    expect(node.transmitBrief()).toEqual(['NEW', 'NEW']);
    node.begin(3);
    node.transmit();
    node.receive(ack(8, 1005, 1005));
    expect(node.transmitBrief()).toEqual([]);
  });

  it('NACKs what is lost while the peer still sends HELLO', () => {
    const node = connectedNode();
    node.receive(alive(100, Flag.HELLO));
    node.transmitBrief();
    node.receive(alive(104, Flag.HELLO));
    expect(node.transmitBrief()).toEqual(['ACK 100-100 HELLO_BACK', 'NACK 101-103']);
  });

  it('drops late and repeated messages while the peer sends HELLO, and keeps what it sent', () => {
    const node = connectedNode();
    node.receive(alive(100, Flag.HELLO));
    node.begin(1);
    node.transmit();
    node.receive(alive(101, Flag.HELLO));
    node.receive(alive(100, Flag.HELLO));
    expect(node.engine.counters.stale).toBe(1);
    expect(node.engine.queues.resendLength).toBe(1);
  });

  it('treats a HELLO with a lower number, or after messages without HELLO, as a restart', () => {
    const node = connectedNode();
    node.receive(alive(100_000, Flag.HELLO));
    node.receive(alive(50, Flag.HELLO));
    node.receive(alive(51));
    node.begin(1);
    node.transmit();
    node.advance(3000);
    node.receive(alive(200, Flag.HELLO));
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 0 });
    expect(node.transmitBrief()).toContain('NEW');
  });

  it('drops a copy of a HELLO that arrives after the handshake', () => {
    const node = connectedNode();
    node.receive(data(CT_NEW, 100, record(1), Flag.HELLO));
    node.receive(alive(101));
    node.begin(1);
    node.transmit();
    expect(node.receive(data(CT_NEW, 100, record(2), Flag.HELLO))).toBe(false);
    expect(node.externalFlows.table.size).toBe(1);
    expect(node.engine.queues.resendLength).toBe(1);
    node.receive(alive(102));
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 1 });
  });

  it('drops a copy of a HELLO that came after messages without HELLO', () => {
    const node = connectedNode();
    node.receive(alive(100, Flag.HELLO));
    node.receive(alive(101));
    expect(node.receive(data(CT_NEW, 110, record(1), Flag.HELLO))).toBe(true);
    expect(node.receive(data(CT_NEW, 111, record(2), Flag.HELLO))).toBe(true);
    expect(node.receive(data(CT_NEW, 110, record(3), Flag.HELLO))).toBe(false);
    expect(node.receive(data(CT_NEW, 111, record(4), Flag.HELLO))).toBe(false);
    expect(node.externalFlows.table.size).toBe(2);
    expect(node.receive(data(CT_NEW, 112, record(5)))).toBe(true);
    expect(node.receive(data(CT_NEW, 110, record(3), Flag.HELLO))).toBe(false);
    expect(node.engine.counters).toMatchObject({ stale: 3 });
  });

  it('drops a message from before the handshake, however high its number', () => {
    const node = connectedNode();
    receiveMany(node, 1, 5_000_000, 1);
    node.advance(SILENCE_MS);
    node.receive(alive(100, Flag.HELLO));
    expect(node.receive(data(CT_NEW, 5_000_001, record(2)))).toBe(false);
    expect(node.receive(data(CT_NEW, 101, record(3)))).toBe(true);
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 0 });
  });

  it('NACKs a HELLO that was overtaken by a later one, and does not go back to its number', () => {
    const node = connectedNode();
    node.receive(alive(102, Flag.HELLO));
    expect(node.receive(data(CT_NEW, 100, record(1), Flag.HELLO))).toBe(false);
    expect(node.transmitBrief()).toEqual(['NACK 100-101 HELLO_BACK']);
    node.receive(alive(103));
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 1 });
  });

  it("does not NACK repeated messages of a peer's previous incarnation when it restarts", () => {
    const node = connectedNode();
    receiveMany(node, 1, 5000, 3);
    receiveMany(node, 1, 5001, 1);
    node.advance(SILENCE_MS);
    node.transmit();
    node.receive(alive(5010, Flag.HELLO));
    node.advance(1000);
    expect(node.transmitBrief()).toEqual(['ACK 5010-5010 HELLO_BACK']);
  });

  it('acknowledges nothing from before the HELLO of a restart, even if its number is higher', () => {
    const node = connectedNode();
    receiveMany(node, 1, 5000, 2);
    fallSilent(node);
    node.receive(alive(6001, Flag.HELLO));
    node.transmit();
    node.advance(1000);
    expect(node.transmitBrief()).toEqual(['ACK 6001-6001']);
  });

  it('accepts any number of a HELLO, and opens its window there even if it is lower', () => {
    const node = connectedNode();
    receiveMany(node, 1, 5000, 2);
    fallSilent(node);
    node.receive(alive(100, Flag.HELLO));
    node.receive(alive(101));
    node.transmit();
    node.advance(1000);
    expect(node.transmitBrief()).toEqual(['ACK 100-101']);
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 0 });
  });

  it('completes between two nodes', () => {
    const a = new Node({ first: 10 });
    const b = new Node({ first: 20 });
    for (const node of [a, b]) node.advance(1000);
    b.receiveAll(a.emit());
    a.receiveAll(b.emit());
    b.begin(1);
    a.begin(2);
    expect(a.transmitBrief()).toEqual(['NEW HELLO_BACK']);
    expect(b.transmitBrief()).toEqual(['NEW HELLO']);
  });
});

import { describe, expect, it } from 'vitest';
import { ack, alive, nack } from '../../../sim/fuzz/messages.ts';
import { Flag, MessageType } from '../../../src/wire/header.ts';
import { Node } from '../node.ts';

describe('FT-FW: a group of several peers', () => {
  /** A node with two peers that both acknowledged something. */
  function nodeWithTwoPeers(): Node {
    const node = new Node({ first: 1000 });
    node.begin(1);
    node.transmit();
    node.receive(ack(1, 1000, 1000, Flag.HELLO_BACK), 4);
    node.receive(ack(2001, 1000, 1000), 8);
    return node;
  }

  it('keeps what one peer has not acknowledged, and resends it', () => {
    const node = nodeWithTwoPeers();
    node.begin(2);
    expect(node.transmitBrief()).toEqual(['NEW']);
    node.receive(ack(2, 1001, 1001), 4);
    expect(node.engine.queues.resendLength).toBe(1);
    node.receive(nack(2002, 1001, 1001), 8);
    expect(node.transmitBrief()).toEqual(['NEW']);
    node.receive(ack(2003, 1002, 1002), 8);
    node.receive(ack(3, 1002, 1002), 4);
    expect(node.engine.queues.resendLength).toBe(0);
  });

  it('resends to a restarted peer what the other has, and keeps what the other lacks', () => {
    const node = nodeWithTwoPeers();
    node.beginMany(2, 2);
    node.transmit();
    node.receive(ack(2, 1001, 1001), 4);
    for (const sequence of [900_000, 900_001]) node.receive(alive(sequence, Flag.HELLO), 8);
    expect(node.transmitBrief()).toEqual(['NACK 900000-900000 HELLO_BACK', 'NEW']);
    node.receive(nack(3, 1002, 1002), 4);
    expect(node.transmitBrief()).toEqual(['NEW']);
  });

  it('releases what only a peer lacks that was silent for a minute, but not what nobody has', () => {
    const node = nodeWithTwoPeers();
    node.beginMany(2, 2);
    node.transmit();
    node.receive(ack(2, 1001, 1001), 4);
    for (let n = 3; n < 64; n++) {
      node.advance(1000);
      node.transmit();
      node.receive(alive(n), 4);
    }
    const kept = node.recordsKept;
    expect(kept).toBe(1);
  });

  it('refuses ACKs of numbers that it did not send', () => {
    const node = nodeWithTwoPeers();
    node.begin(2);
    node.transmit();
    node.receive(ack(2, 3_000_000_000, 3_000_000_300), 4);
    node.receive(ack(3, 900, 999), 4);
    expect(node.engine.queues.resendLength).toBe(1);
    expect(node.engine.counters.unfoundedAcks).toBe(2);
  });

  it('keeps ResendQueueSize messages at most, however many strangers say HELLO and acknowledge nothing', () => {
    const resendQueueSize = 50;
    const node = new Node({ first: 1000, resendQueueSize });
    let sequence = 0;
    node.transmit();
    node.receive(alive(++sequence, Flag.HELLO_BACK), 4);
    let records = 0;
    for (let round = 0; round < 100; round++) {
      for (let n = 0; n < 20; n++)
        node.receive(alive(1_000_000 + 5 * round, Flag.HELLO), 1000 + 20 * round + n);
      node.beginMany(10, 10 * round);
      node.advance(1000);
      const sent = node.transmit();
      records += sent.filter(({ type }) => type === MessageType.CT_NEW).length;
      node.receive(ack(++sequence, sent[0]!.sequence, sent.at(-1)!.sequence), 4);
      expect(node.engine.queues.resendLength).toBeLessThanOrEqual(resendQueueSize);
    }
    // The peer has got each flow in its turn.
    expect(records).toBeGreaterThanOrEqual(1000);
    expect(node.engine.queues.evictions).toBeGreaterThan(0);
  });
});

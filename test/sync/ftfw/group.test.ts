import { describe, expect, it } from 'vitest';
import { ack, alive, nack } from '../../../sim/fuzz/messages.ts';
import { Flag } from '../../../src/wire/header.ts';
import { Node } from '../node.ts';

describe('FT-FW: a group of several peers', () => {
  /** A node whose two peers have both acknowledged something. */
  function together(): Node {
    const node = new Node({ first: 1000 });
    node.begin(1);
    node.transmit();
    node.receive(ack(1, 1000, 1000, Flag.HELLO_BACK), 4);
    node.receive(ack(2001, 1000, 1000), 8);
    return node;
  }

  it('keeps what one of them has not acknowledged, and sends it again', () => {
    const node = together();
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

  it('sends again to the one that starts anew what the other one has, and keeps what that one lacks', () => {
    const node = together();
    node.beginMany(2, 2);
    node.transmit();
    node.receive(ack(2, 1001, 1001), 4);
    node.receive(alive(900_000, Flag.HELLO), 8);
    expect(node.transmitBrief()).toEqual(['NEW HELLO_BACK']);
    node.receive(nack(3, 1002, 1002), 4);
    expect(node.transmitBrief()).toEqual(['NEW']);
  });

  it('lets go of what a peer lacks that was not heard for a minute, but not of what nobody has', () => {
    const node = together();
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

  it('passes over acknowledgements of numbers that are others’', () => {
    const node = together();
    node.begin(2);
    node.transmit();
    node.receive(ack(2, 3_000_000_000, 3_000_000_300), 4);
    node.receive(ack(3, 900, 999), 4);
    expect(node.engine.queues.resendLength).toBe(1);
    expect(node.engine.counters.unfoundedAcks).toBe(2);
  });
});

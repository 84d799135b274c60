import { describe, expect, it } from 'vitest';
import { ack, alive } from '../../../sim/fuzz/messages.ts';
import { LINKS_MAX } from '../../../src/sync/engine.ts';
import { Flag } from '../../../src/wire/header.ts';
import { connectedNode, Node, receiveMany } from '../node.ts';

describe('FT-FW: a peer that changes to another link', () => {
  it('goes on with its numbers there, so that a gap is NACKed', () => {
    const node = connectedNode();
    receiveMany(node, 1, 5000, 3);
    receiveMany(node, 2, 5005, 1);
    expect(node.transmitBrief()).toEqual(['ACK 5000-5002', 'NACK 5003-5004']);
    receiveMany(node, 1, 5006, 1);
    expect(node.engine.counters).toMatchObject({ lost: 2, stale: 0 });
  });

  it('is not recognised in a sender that sends HELLO, has distant numbers, or is on the same link', () => {
    const node = connectedNode();
    receiveMany(node, 1, 5000, 3);
    node.receive(alive(5005, Flag.HELLO), 2);
    receiveMany(node, 3, 500_000, 1);
    receiveMany(node, 1 + LINKS_MAX, 5005, 1);
    expect(node.engine.counters.lost).toBe(0);
  });
});

describe('FT-FW: a peer that restarts on another link', () => {
  /** A node whose peer was heard on link 2, restarted on link 1, and has sent up to number 5003. */
  function restartedOnOtherLink(): Node {
    const node = new Node({ first: 1000 });
    node.begin(1);
    node.transmit();
    node.receive(ack(100, 1000, 1000, Flag.HELLO_BACK), 2);
    receiveMany(node, 2, 101, 3);
    node.begin(2);
    node.transmit();
    node.receive(alive(5000, Flag.HELLO), 1);
    node.receive(ack(5001, 1001, 1001), 1);
    receiveMany(node, 1, 5002, 2);
    return node;
  }

  it('is recognised by its next number on the link of its previous incarnation: changing links loses nothing', () => {
    const node = restartedOnOtherLink();
    node.transmit();
    for (let n = 0; n < 20; n++) receiveMany(node, 2 - (n & 1), 5004 + n, 1);
    expect(node.transmitBrief()).toEqual([]);
    expect(node.engine.counters).toEqual({ lost: 0, stale: 0, unfoundedAcks: 0, falseHellos: 0 });
  });

  it('is no longer waited for as its previous incarnation', () => {
    const node = restartedOnOtherLink();
    const kept = () => node.recordsKept;
    expect(kept()).toBe(1);
    receiveMany(node, 2, 5004, 1);
    expect(kept()).toBe(0);
  });

  it('counts as two peers where the number is not the next one', () => {
    const node = restartedOnOtherLink();
    receiveMany(node, 2, 5005, 1);
    expect(node.engine.counters.lost).toBe(5005 - 104);
  });
});

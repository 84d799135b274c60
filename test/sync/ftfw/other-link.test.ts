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

  it('is recognised by a number behind a gap, of which only the gap is NACKed', () => {
    const node = restartedOnOtherLink();
    node.transmit();
    receiveMany(node, 2, 5006, 1);
    expect(node.transmitBrief()).toContain('NACK 5004-5005');
    expect(node.engine.counters.lost).toBe(2);
  });

  it('is not recognised in a copy of what came on the other link', () => {
    const node = new Node({ first: 1000 });
    for (let n = 0; n < 3; n++) node.receive(alive(5000 + n, Flag.HELLO), 1);
    for (let n = 3; n < 6; n++) node.receive(alive(5000 + n, Flag.HELLO), 2);
    for (let n = 6; n < 20; n++) expect(node.receive(alive(5000 + n), 2)).toBe(true);
    for (let n = 6; n < 20; n++) expect(node.receive(alive(5000 + n), 2)).toBe(false);
    expect(node.receive(alive(5020), 2)).toBe(true);
  });

  it('is not, where the number is nearer to those of its previous incarnation', () => {
    const node = restartedOnOtherLink();
    receiveMany(node, 2, 106, 1);
    expect(node.engine.counters.lost).toBe(2);
    receiveMany(node, 1, 5004, 1);
    expect(node.engine.counters.lost).toBe(2);
  });
});

describe('FT-FW: a node that is first heard on another link than a peer', () => {
  const [A, B] = [1, LINKS_MAX + 2];

  /** A node that has heard A, then B, and the numbers that stand for them in the marks of their records. */
  function hearing() {
    const node = new Node({ first: 1000, healsItself: true });
    node.advance(1000);
    node.transmit();
    const hear = (sender: number, sequence: number, flags = 0) => {
      node.receive(alive(sequence, flags), sender);
      return node.engine.rounds.mark >>> 20;
    };
    const numbers = { a: hear(A, 5000, Flag.HELLO), b: hear(B, 900_000, Flag.HELLO) };
    return { node, hear, numbers };
  }

  it('is that peer, which has restarted there, and stays it where copies of the old series are late', () => {
    const { node, hear, numbers } = hearing();
    expect(numbers.b).toBe(numbers.a);
    node.advance(2900);
    expect(hear(A, 5001)).toBe(numbers.a);
    node.advance(1000);
    expect(hear(B, 900_001)).toBe(numbers.a);
  });

  it('is another node once the peer is seen to go on: nothing that one of them sends drops what the other one has', () => {
    const { node, hear, numbers } = hearing();
    node.advance(2000);
    hear(B, 900_001, Flag.HELLO_BACK);
    node.advance(1100);
    node.transmit();
    expect(node.engine.rounds.isAskOutstanding).toBe(false);
    expect(hear(A, 5001)).toBe(numbers.a);
    const b = hear(B, 900_002);
    expect(b).not.toBe(numbers.a);
    expect(node.engine.rounds.isAskOutstanding).toBe(true);
    node.advance(4000);
    expect(hear(A, 5002)).toBe(numbers.a);
    expect(hear(B, 900_003)).toBe(b);
  });
});

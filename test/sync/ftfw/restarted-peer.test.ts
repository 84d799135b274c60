import { describe, expect, it } from 'vitest';
import { ack, alive, data } from '../../../sim/fuzz/messages.ts';
import { Random } from '../../../sim/random.ts';
import { SILENCE_MS } from '../../../src/sync/ftfw/series/series-pulse.ts';
import { Flag, MessageType } from '../../../src/wire/header.ts';
import { record } from '../../table/records.ts';
import { connectedNode, Node, receiveMany } from '../node.ts';

const { CT_NEW } = MessageType;

describe('FT-FW: a peer that restarts during the handshake', () => {
  const FIRST_INCARNATION = 0xffff_fffe;
  const SECOND_INCARNATION = 2_000_000_000;
  const THIRD_INCARNATION = 1_000_000_000;

  /** A HELLO with flow `n`, the nth message of an incarnation. */
  const hello = (incarnation: number, n: number): Uint8Array =>
    data(CT_NEW, (incarnation + n) >>> 0, record(n), Flag.HELLO);

  it('is not reset by a late HELLO of its previous incarnation, whether repeated or new', () => {
    const node = connectedNode();
    for (const n of [1, 2]) node.receive(hello(FIRST_INCARNATION, n));
    node.advance(SILENCE_MS);
    for (const n of [3, 4]) node.receive(hello(SECOND_INCARNATION, n));
    node.transmitBrief();
    for (const n of [2, 1, 7, 0]) expect(node.receive(hello(FIRST_INCARNATION, n))).toBe(false);
    // The previous incarnation gets no answer and no NACK.
    expect(node.transmitBrief()).toEqual([]);
    expect(node.receive(hello(SECOND_INCARNATION, 5))).toBe(true);
    node.receive(alive(SECOND_INCARNATION + 6));
    expect(node.externalFlows.table.size).toBe(5);
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 3, falseHellos: 1 });
    node.advance(1000);
    expect(node.transmitBrief()).toEqual([
      `ACK ${SECOND_INCARNATION + 3}-${SECOND_INCARNATION + 6} HELLO_BACK`,
    ]);
  });

  it('gets the NACK again that was sent before the first message which it received', () => {
    const node = connectedNode({ first: 1000 });
    node.receive(hello(FIRST_INCARNATION, 1));
    node.advance(SILENCE_MS);
    node.transmit();
    node.receive(hello(SECOND_INCARNATION, 1));
    node.receive(hello(SECOND_INCARNATION, 4));
    const sent = node.transmit();
    const lost = sent.find(({ flags }) => (flags & Flag.NACK) !== 0)!;
    expect(lost.range).toEqual([SECOND_INCARNATION + 2, SECOND_INCARNATION + 3]);
    node.advance(1000);
    const received = node.transmit()[0]!.sequence;
    node.receive(ack(SECOND_INCARNATION + 5, received, received));
    expect(node.transmitBrief()).toContain(`NACK ${SECOND_INCARNATION + 2}-${SECOND_INCARNATION + 3}`);
  });

  it('is not reset after two restarts either', () => {
    const node = connectedNode();
    for (const incarnation of [FIRST_INCARNATION, SECOND_INCARNATION, THIRD_INCARNATION]) {
      node.receive(hello(incarnation, 1));
      node.advance(SILENCE_MS - 1);
    }
    for (const incarnation of [FIRST_INCARNATION, SECOND_INCARNATION, FIRST_INCARNATION]) {
      expect(node.receive(hello(incarnation, 1))).toBe(false);
      expect(node.receive(hello(incarnation, 2))).toBe(false);
    }
    expect(node.receive(hello(THIRD_INCARNATION, 2))).toBe(true);
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 3, falseHellos: 3 });
  });

  it('is accepted at once with any other number when the one before is silent', () => {
    const node = connectedNode();
    for (let n = 0; n < 100; n++) {
      node.advance(SILENCE_MS);
      expect(node.receive(hello(n * 10_000_000, n))).toBe(true);
    }
    expect(node.externalFlows.table.size).toBe(100);
  });

  it.each([
    ['in order, sending HELLO', [], false],
    ['with some of them lost, sending HELLO', [4, 5, 17, 29], false],
    ['in order, an answer to its previous incarnation taken for its own', [], true],
    ['with some of them lost, an answer to its previous incarnation taken for its own', [4, 5, 17, 29], true],
  ])('is adopted with numbers of its previous incarnation, and loses no flow: %s', (_, lost, answered) => {
    const node = connectedNode();
    const peer = new Node({ first: 5000 });
    node.receive(hello(5002, 1));
    node.advance(SILENCE_MS);
    node.receive(hello(SECOND_INCARNATION, 2));
    node.advance(1000);
    if (!answered) node.transmitBrief();
    for (let n = 0; n < 40; n++) {
      peer.begin(1000 + n);
      const sent = peer.emit();
      if (!lost.includes(n)) node.receiveAll(sent);
      peer.receiveAll(node.emit(), 2);
      for (const each of [node, peer]) each.advance(100);
    }
    for (let n = 0; n < 6; n++) {
      node.receiveAll(peer.emit());
      peer.receiveAll(node.emit(), 2);
      for (const each of [node, peer]) each.advance(1000);
    }
    expect(node.externalFlows.table.size).toBe(2 + 40);
    peer.begin(0);
    expect(peer.transmitBrief()).toContain('NEW');
    // Everything else is acknowledged.
    expect(peer.recordsKept).toBe(1);
  });

  it('is adopted after a flood of HELLOs near its numbers, and loses no flow', () => {
    const node = connectedNode();
    const peer = new Node({ first: 1_790_000_000 });
    const random = Random.forStream(1);
    for (let n = 0; n < 5000; n++) {
      const number = random.oneIn(2) ? random.u32() : 1_790_000_000 + random.below(400_000) - 200_000;
      node.receive(random.oneIn(4) ? alive(number) : alive(number, Flag.HELLO));
      if (random.oneIn(100)) node.advance(1);
      node.emit();
    }
    for (let n = 0; n < 100; n++) {
      peer.begin(n);
      node.receiveAll(peer.emit());
      peer.receiveAll(node.emit(), 2);
      for (const each of [node, peer]) each.advance(100);
    }
    expect(node.externalFlows.table.size).toBe(100);
  });

  it('is adopted amid random HELLOs', () => {
    const node = connectedNode();
    const peer = new Node({ first: 1_790_000_000 });
    const random = Random.forStream(1);
    for (let n = 0; n < 100; n++) {
      peer.begin(n);
      node.receiveAll(peer.emit());
      peer.receiveAll(node.emit(), 2);
      if (n < 60) node.receive(alive(random.u32(), Flag.HELLO));
      for (const each of [node, peer]) each.advance(100);
    }
    expect(node.externalFlows.table.size).toBe(100);
  });

  it('has its late HELLOs dropped after it was adopted without one', () => {
    const node = connectedNode();
    node.receive(hello(5002, 1));
    node.advance(SILENCE_MS);
    node.receive(hello(SECOND_INCARNATION, 2));
    node.receive(hello(5000, 0));
    for (let n = 1; n < 40; n++) {
      node.advance(100);
      node.receive(alive(5000 + n));
    }
    expect(node.transmitBrief()).toContain('NACK 5000-5004');
    expect(node.receive(hello(5000, 0))).toBe(false);
    expect(node.receive(alive(5040))).toBe(true);
  });
});

describe('FT-FW: a peer that restarts with lower numbers and without HELLO', () => {
  it('is ignored for 3 seconds, then adopted, and the messages skipped are NACKed', () => {
    const node = connectedNode();
    receiveMany(node, 1, 9000, 1);
    for (let n = 0; n < 3; n++) {
      expect(node.receive(data(CT_NEW, 500 + n, record(n)))).toBe(false);
      node.advance(1000);
    }
    node.transmit();
    node.engine.pollEvents();
    expect(node.receive(data(CT_NEW, 503, record(3)))).toBe(true);
    expect(node.engine.pollEvents()).toEqual([{ kind: 'peer-adopted', sender: 1 }]);
    expect(node.receive(alive(504))).toBe(true);
    node.advance(1000);
    // The skipped messages are NACKed.
    expect(node.transmitBrief()).toEqual(['NACK 500-502', 'ACK 503-504']);
    expect(node.engine.counters.stale).toBe(3);
  });

  it('is not adopted while any of its messages is in order, or its stale numbers have gaps', () => {
    const node = connectedNode();
    receiveMany(node, 1, 9000, 1);
    for (let n = 0; n < 10; n++) {
      expect(node.receive(alive(500 + n))).toBe(false);
      node.advance(500);
      if (n % 4 === 3) receiveMany(node, 1, 9001 + n / 4 - 0.75, 1);
    }
    const other = connectedNode();
    receiveMany(other, 1, 9000, 1);
    for (let n = 0; n < 10; n++) {
      expect(other.receive(alive(500 + 2 * n))).toBe(false);
      other.advance(1000);
    }
  });

  it('is adopted across the end of 32 bits', () => {
    const node = connectedNode();
    receiveMany(node, 1, 5, 1);
    for (let n = 0; n < 3; n++) {
      expect(node.receive(alive((0xffff_fffe + n) >>> 0))).toBe(false);
      node.advance(1000);
    }
    expect(node.receive(alive(1))).toBe(true);
  });
});

describe('FT-FW: a peer that restarts with numbers near its last ones', () => {
  /** A node that has taken the numbers 9000 to 9009 with HELLO, and then has sent the number 1000. */
  function nodeBehindSeries(): Node {
    const node = connectedNode();
    for (let n = 0; n < 10; n++) node.receive(data(CT_NEW, 9000 + n, record(1), Flag.HELLO));
    node.advance(SILENCE_MS);
    expect(node.transmit().map(({ sequence }) => sequence)).toEqual([1000]);
    node.engine.pollEvents();
    return node;
  }

  it('is adopted with the ACK of what was sent since, because that is no copy', () => {
    const node = nodeBehindSeries();
    expect(node.receive(data(CT_NEW, 9001, record(1), Flag.HELLO))).toBe(false);
    node.advance(1);
    expect(node.receive(ack(9002, 1000, 1000, Flag.HELLO))).toBe(true);
    expect(node.engine.pollEvents()).toEqual([{ kind: 'peer-adopted', sender: 1 }]);
    expect(node.receive(data(CT_NEW, 9003, record(2)))).toBe(true);
    // What was skipped is asked for, and the HELLO is answered.
    expect(node.transmitBrief()).toContain('NACK 9001-9001 HELLO_BACK');
  });

  it('is adopted with that alone', () => {
    const node = nodeBehindSeries();
    expect(node.receive(ack(9005, 1000, 1000))).toBe(true);
  });

  it('is not adopted with what may be a copy, or acknowledges what was not sent', () => {
    const node = nodeBehindSeries();
    for (const [n, ours] of [999, 1001, 998].entries())
      expect(node.receive(ack(9001 + n, ours, ours, Flag.HELLO))).toBe(false);
  });

  it('is adopted with a message without HELLO under a number that was taken with it', () => {
    const node = nodeBehindSeries();
    expect(node.receive(data(CT_NEW, 9004, record(1), Flag.HELLO))).toBe(false);
    expect(node.receive(data(CT_NEW, 9005, record(2)))).toBe(true);
    expect(node.transmitBrief()).toContain('NACK 9004-9004 HELLO_BACK');
  });

  it('is not adopted with a copy of a message without HELLO', () => {
    const node = nodeBehindSeries();
    for (let n = 0; n < 2; n++) expect(node.receive(data(CT_NEW, 9010, record(1)))).toBe(n === 0);
  });
});

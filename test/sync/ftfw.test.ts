import { describe, expect, it } from 'vitest';
import { ack, alive, concat, data, nack, resync } from '../../sim/fuzz/messages.ts';
import { Random } from '../../sim/fuzz/random.ts';
import { LINKS_MAX, TransmitResult } from '../../src/sync/engine.ts';
import { CONTROLS_WAITING_MAX } from '../../src/sync/message-queues.ts';
import { SlotState } from '../../src/table/record-table.ts';
import { Flag, MessageType } from '../../src/wire/header.ts';
import { record } from '../table/records.ts';
import { type Heard, Node, type NodeOptions, parse } from './node.ts';

const { CT_NEW, CT_UPD, CT_DEL } = MessageType;

/** A node that has had its HELLO answered, and whose next message has the number `first`. */
function greeted(options: NodeOptions = {}): Node {
  const first = options.first ?? 1000;
  const node = new Node({ ...options, first: (first - 2) >>> 0 });
  node.pass(1000);
  node.transmit();
  node.hear(alive(0x8000_0000, Flag.HELLO_BACK), 99);
  node.pass(1000);
  expect(node.say()).toEqual([`ACK ${0x8000_0000}-${0x8000_0000}`]);
  return node;
}

function heard(node: Node, sender: number, from: number, count: number): void {
  for (let n = 0; n < count; n++) node.hear(data(MessageType.CT_NEW, (from + n) >>> 0, record(1)), sender);
}

describe('FT-FW: the hello', () => {
  it('says HELLO in every message until a HELLO_BACK comes', () => {
    const node = new Node();
    node.begin(1);
    expect(node.say()).toEqual(['NEW HELLO']);
    node.update(1);
    node.engine.requestResync();
    expect(node.say()).toEqual(['RESYNC HELLO', 'UPD HELLO']);
    node.hear(alive(5, Flag.HELLO_BACK));
    node.update(1);
    expect(node.say()).toEqual(['UPD']);
  });

  it('answers a HELLO in its next message, once', () => {
    const node = greeted();
    node.begin(1);
    node.begin(2);
    node.hear(alive(7, Flag.HELLO));
    expect(node.say()).toEqual(['NEW HELLO_BACK', 'NEW']);
  });

  it('answers every HELLO anew', () => {
    const node = greeted();
    for (const sequence of [7, 8]) {
      node.hear(alive(sequence, Flag.HELLO));
      node.pass(1000);
      expect(node.say()[0]).toContain('HELLO_BACK');
    }
  });

  it('passes over a HELLO_BACK before it said HELLO: that one is for whoever had its address before', () => {
    const node = new Node();
    node.hear(alive(5, Flag.HELLO_BACK));
    node.begin(1);
    expect(node.say()).toEqual(['NEW HELLO']);
  });

  it('sends again what a peer that says HELLO has not acknowledged, less what it was told of its former numbers', () => {
    const node = greeted();
    node.beginMany(3);
    node.end(1);
    node.transmit();
    expect(node.engine.queues.resendLength).toBe(4);
    node.hear(alive(7, Flag.HELLO));
    expect(node.say()).toEqual(['NEW HELLO_BACK', 'DEL', 'NEW']);
    expect(node.engine.queues.resendLength).toBe(3);
  });

  it('sends again what came before the first message that a peer acknowledges', () => {
    const node = new Node({ first: 1000 });
    node.beginMany(3);
    node.transmit();
    node.hear(ack(7, 1002, 1002, Flag.HELLO_BACK));
    expect(node.say()).toEqual(['NEW', 'NEW']);
    node.begin(3);
    node.transmit();
    node.hear(ack(8, 1005, 1005));
    expect(node.say()).toEqual([]);
  });

  it('asks for what is lost while the peer goes on saying HELLO', () => {
    const node = greeted();
    node.hear(alive(100, Flag.HELLO));
    node.say();
    node.hear(alive(104, Flag.HELLO));
    expect(node.say()).toEqual(['ACK 100-100 HELLO_BACK', 'NACK 101-103']);
  });

  it('drops what comes late or twice while the peer says HELLO, and keeps what it has for it', () => {
    const node = greeted();
    node.hear(alive(100, Flag.HELLO));
    node.begin(1);
    node.transmit();
    node.hear(alive(101, Flag.HELLO));
    node.hear(alive(100, Flag.HELLO));
    expect(node.engine.counters.stale).toBe(1);
    expect(node.engine.queues.resendLength).toBe(1);
  });

  it('takes a peer anew that says HELLO with a lower number, or after it had stopped saying it', () => {
    const node = greeted();
    node.hear(alive(100_000, Flag.HELLO));
    node.hear(alive(50, Flag.HELLO));
    node.hear(alive(51));
    node.begin(1);
    node.transmit();
    node.pass(3000);
    node.hear(alive(200, Flag.HELLO));
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 0 });
    expect(node.say()).toContain('NEW');
  });

  it('takes a copy of a HELLO that comes after the greeting for a copy', () => {
    const node = greeted();
    node.hear(data(CT_NEW, 100, record(1), Flag.HELLO));
    node.hear(alive(101));
    node.begin(1);
    node.transmit();
    expect(node.hear(data(CT_NEW, 100, record(2), Flag.HELLO))).toBe(false);
    expect(node.externalFlows.table.size).toBe(1);
    expect(node.engine.queues.resendLength).toBe(1);
    node.hear(alive(102));
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 1 });
  });

  it('passes over what comes late from before the greeting, however high its number', () => {
    const node = greeted();
    heard(node, 1, 5_000_000, 1);
    node.hear(alive(100, Flag.HELLO));
    expect(node.hear(data(CT_NEW, 5_000_001, record(2)))).toBe(false);
    expect(node.hear(data(CT_NEW, 101, record(3)))).toBe(true);
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 1 });
  });

  it('asks for a HELLO that was overtaken by a later one, and does not go back for it', () => {
    const node = greeted();
    node.hear(alive(102, Flag.HELLO));
    expect(node.hear(data(CT_NEW, 100, record(1), Flag.HELLO))).toBe(false);
    expect(node.say()).toEqual(['NACK 100-101 HELLO_BACK']);
    node.hear(alive(103));
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 1 });
  });

  it('asks a peer that starts for no copies that came of its former self', () => {
    const node = greeted();
    heard(node, 1, 5000, 3);
    heard(node, 1, 5001, 1);
    node.hear(alive(5010, Flag.HELLO));
    node.pass(1000);
    expect(node.say()).toEqual(['ACK 5010-5010 HELLO_BACK']);
  });

  it('acknowledges nothing of what came before the HELLO it takes a peer by, also if its number is higher', () => {
    const node = greeted();
    heard(node, 1, 5000, 2);
    node.hear(alive(6001, Flag.HELLO));
    node.pass(1000);
    expect(node.say()).toEqual(['ACK 6001-6001 HELLO_BACK']);
  });

  it('takes the number of a HELLO whatever it is, and opens its window there if that is lower', () => {
    const node = greeted();
    heard(node, 1, 5000, 2);
    node.hear(alive(100, Flag.HELLO));
    node.hear(alive(101));
    node.pass(1000);
    expect(node.say()).toEqual(['ACK 100-101 HELLO_BACK']);
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 0 });
  });

  it('goes through between two nodes', () => {
    const a = new Node({ first: 10 });
    const b = new Node({ first: 20 });
    for (const node of [a, b]) node.pass(1000);
    b.hearAll(a.emit());
    a.hearAll(b.emit());
    b.begin(1);
    a.begin(2);
    expect(a.say()).toEqual(['NEW HELLO_BACK']);
    expect(b.say()).toEqual(['NEW HELLO']);
  });
});

describe('FT-FW: a peer that starts again while it is greeted', () => {
  const FIRST_SELF = 0xffff_fffe;
  const SECOND_SELF = 2_000_000_000;
  const THIRD_SELF = 1_000_000_000;

  /** A HELLO with flow `n`, numbered from the beginning of a self. */
  const hello = (self: number, n: number): Uint8Array =>
    data(CT_NEW, (self + n) >>> 0, record(n), Flag.HELLO);

  it('is not taken back by a HELLO of its former self that comes late, twice or for the first time', () => {
    const node = greeted();
    for (const n of [1, 2]) node.hear(hello(FIRST_SELF, n));
    for (const n of [3, 4]) node.hear(hello(SECOND_SELF, n));
    node.say();
    for (const n of [2, 1, 7, 0]) expect(node.hear(hello(FIRST_SELF, n))).toBe(false);
    // Nobody is there to be answered or asked.
    expect(node.say()).toEqual([]);
    expect(node.hear(hello(SECOND_SELF, 5))).toBe(true);
    node.hear(alive(SECOND_SELF + 6));
    expect(node.externalFlows.table.size).toBe(5);
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 4 });
    node.pass(1000);
    expect(node.say()).toEqual([`ACK ${SECOND_SELF + 3}-${SECOND_SELF + 6} HELLO_BACK`]);
  });

  it('is not taken back after it has started twice either', () => {
    const node = greeted();
    for (const self of [FIRST_SELF, SECOND_SELF, THIRD_SELF]) {
      node.hear(hello(self, 1));
      node.pass(900);
    }
    for (const self of [FIRST_SELF, SECOND_SELF, FIRST_SELF]) {
      expect(node.hear(hello(self, 1))).toBe(false);
      expect(node.hear(hello(self, 2))).toBe(false);
    }
    expect(node.hear(hello(THIRD_SELF, 2))).toBe(true);
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 6 });
  });

  it('is taken at once with any other number', () => {
    const node = greeted();
    for (let n = 0; n < 100; n++) expect(node.hear(hello(n * 10_000_000, n))).toBe(true);
    expect(node.externalFlows.table.size).toBe(100);
  });

  it.each([
    ['in order, saying HELLO', [], false],
    ['with some of them lost, saying HELLO', [4, 5, 17, 29], false],
    ['in order, an answer to its former self taken for its own', [], true],
    ['with some of them lost, an answer to its former self taken for its own', [4, 5, 17, 29], true],
  ])('gets through with the numbers of a former self, and with all its flows: %s', (_, lost, answered) => {
    const node = greeted();
    const peer = new Node({ first: 5000 });
    node.hear(hello(5002, 1));
    node.hear(hello(SECOND_SELF, 2));
    node.pass(1000);
    if (!answered) node.say();
    for (let n = 0; n < 40; n++) {
      peer.begin(1000 + n);
      const said = peer.emit();
      if (!lost.includes(n)) node.hearAll(said);
      peer.hearAll(node.emit(), 2);
      for (const each of [node, peer]) each.pass(100);
    }
    for (let n = 0; n < 6; n++) {
      node.hearAll(peer.emit());
      peer.hearAll(node.emit(), 2);
      for (const each of [node, peer]) each.pass(1000);
    }
    expect(node.externalFlows.table.size).toBe(2 + 40);
    peer.begin(0);
    expect(peer.say()).toContain('NEW');
    // All else it knows to have arrived.
    expect(peer.engine.queues.resendLength - peer.engine.queues.controlNodes).toBe(1);
  });

  it('gets through after a flood of HELLOs near its numbers, and with all its flows', () => {
    const node = greeted();
    const peer = new Node({ first: 1_790_000_000 });
    const random = new Random(1);
    for (let n = 0; n < 5000; n++) {
      const number = random.oneIn(2) ? random.u32() : 1_790_000_000 + random.below(400_000) - 200_000;
      node.hear(random.oneIn(4) ? alive(number) : alive(number, Flag.HELLO));
      if (random.oneIn(100)) node.pass(1);
      node.emit();
    }
    for (let n = 0; n < 100; n++) {
      peer.begin(n);
      node.hearAll(peer.emit());
      peer.hearAll(node.emit(), 2);
      for (const each of [node, peer]) each.pass(100);
    }
    expect(node.externalFlows.table.size).toBe(100);
  });

  it('gets through in the midst of others’ HELLOs', () => {
    const node = greeted();
    const peer = new Node({ first: 1_790_000_000 });
    const random = new Random(1);
    for (let n = 0; n < 100; n++) {
      peer.begin(n);
      node.hearAll(peer.emit());
      peer.hearAll(node.emit(), 2);
      if (n < 60) node.hear(alive(random.u32(), Flag.HELLO));
      for (const each of [node, peer]) each.pass(100);
    }
    expect(node.externalFlows.table.size).toBe(100);
  });

  it('has its late HELLOs passed over after it was taken without one', () => {
    const node = greeted();
    node.hear(hello(5002, 1));
    node.hear(hello(SECOND_SELF, 2));
    node.hear(hello(5000, 0));
    for (let n = 1; n < 40; n++) {
      node.pass(100);
      node.hear(alive(5000 + n));
    }
    expect(node.say()).toContain('NACK 5000-5029');
    expect(node.hear(hello(5000, 0))).toBe(false);
    expect(node.hear(alive(5040))).toBe(true);
  });
});

describe.each([
  ['somewhere', 7000],
  ['across the end of 32 bits', 0xffff_ffff - 4],
  ['across the end of 32 bits within the second window', 0xffff_ffff - 310],
])('FT-FW: what it hears, numbers beginning %s', (_, first) => {
  const at = (n: number): number => (first + n) >>> 0;

  it('acknowledges 300 messages, then the next 300', () => {
    const node = greeted();
    heard(node, 1, first, 299);
    expect(node.say()).toEqual([]);
    heard(node, 1, at(299), 1);
    expect(node.say()).toEqual([`ACK ${first}-${at(299)}`]);
    heard(node, 1, at(300), 300);
    expect(node.say()).toEqual([`ACK ${at(300)}-${at(599)}`]);
  });

  it('sees a gap: acknowledges what came before it, asks for what is missing, and opens a window behind it', () => {
    const node = greeted();
    heard(node, 1, first, 5);
    node.hear(data(CT_NEW, at(8), record(1)));
    expect(node.say()).toEqual([`ACK ${first}-${at(4)}`, `NACK ${at(5)}-${at(7)}`]);
    expect(node.engine.counters.lost).toBe(3);
    expect(node.externalFlows.table.size).toBe(1);
    heard(node, 1, at(9), 298);
    expect(node.say()).toEqual([]);
    heard(node, 1, at(307), 1);
    expect(node.say()).toEqual([`ACK ${at(8)}-${at(307)}`]);
  });

  it('sees a gap with no window open: asks, and acknowledges nothing', () => {
    const node = greeted();
    heard(node, 1, first, 300);
    node.transmit();
    node.hear(alive(at(302)));
    expect(node.say()).toEqual([`NACK ${at(300)}-${at(301)}`]);
  });

  it('drops and counts what is behind', () => {
    const node = greeted();
    heard(node, 1, first, 10);
    expect(node.hear(data(CT_NEW, at(9), record(8)))).toBe(false);
    expect(node.hear(data(CT_NEW, at(3), record(9)))).toBe(false);
    expect(node.engine.counters.stale).toBe(2);
    expect(node.externalFlows.table.size).toBe(1);
    heard(node, 1, at(10), 1);
    expect(node.engine.counters).toMatchObject({ stale: 2, lost: 0 });
  });

  it('acknowledges an open window after a second without a transmission, and is ALIVE after another', () => {
    const node = greeted();
    heard(node, 1, first, 7);
    node.pass(999);
    expect(node.say()).toEqual([]);
    node.pass(1);
    expect(node.say()).toEqual([`ACK ${first}-${at(6)}`]);
    node.pass(1000);
    expect(node.say()).toEqual(['ALIVE']);
    heard(node, 1, at(7), 1);
    node.pass(1000);
    expect(node.say()).toEqual([`ACK ${at(7)}-${at(7)}`]);
  });

  it('breaks the silence after a tenth of a second while messages get lost, for three seconds', () => {
    const node = greeted();
    heard(node, 1, first, 3);
    heard(node, 1, at(5), 1);
    expect(node.say()).toEqual([`ACK ${first}-${at(2)}`, `NACK ${at(3)}-${at(4)}`]);
    node.pass(99);
    expect(node.say()).toEqual([]);
    node.pass(1);
    expect(node.say()).toEqual([`ACK ${at(5)}-${at(5)}`]);
    for (let n = 2; n < 30; n++) {
      node.pass(100);
      expect(node.say()).toEqual(['ALIVE']);
    }
    node.pass(999);
    expect(node.say()).toEqual([]);
    node.pass(1);
    expect(node.say()).toEqual(['ALIVE']);
  });

  it('takes a NACK for a sign that messages get lost', () => {
    const node = greeted();
    node.begin(1);
    const [{ sequence }] = node.transmit() as [Heard];
    node.hear(nack(1, sequence, sequence));
    expect(node.say()).toEqual(['NEW']);
    node.pass(100);
    expect(node.say()).toEqual(['ACK 1-1']);
  });

  it('tracks senders apart', () => {
    const node = greeted();
    heard(node, 1, first, 3);
    heard(node, 1 + LINKS_MAX, 50, 3);
    heard(node, 1, at(3), 1);
    node.hear(alive(55), 1 + LINKS_MAX);
    expect(node.engine.counters).toMatchObject({ lost: 2, stale: 0 });
    expect(node.say()).toEqual(['ACK 50-52', 'NACK 53-54']);
    node.pass(100);
    expect(node.say()).toEqual([`ACK ${first}-${at(3)}`, 'ACK 55-55']);
  });
});

describe('FT-FW: a node that changes to another of its links', () => {
  it('goes on with its numbers, so that a gap is asked for', () => {
    const node = greeted();
    heard(node, 1, 5000, 3);
    heard(node, 2, 5005, 1);
    expect(node.say()).toEqual(['ACK 5000-5002', 'NACK 5003-5004']);
    heard(node, 1, 5006, 1);
    expect(node.engine.counters).toMatchObject({ lost: 2, stale: 0 });
  });

  it('is not mistaken for another one that says HELLO, is far off, or speaks on the same link', () => {
    const node = greeted();
    heard(node, 1, 5000, 3);
    node.hear(alive(5005, Flag.HELLO), 2);
    heard(node, 3, 500_000, 1);
    heard(node, 1 + LINKS_MAX, 5005, 1);
    expect(node.engine.counters.lost).toBe(0);
  });
});

describe('FT-FW: a node that begins anew on another of its links', () => {
  /** A node whose peer, heard on link 2, has begun anew on link 1, and has numbers up to 5003. */
  function begunAnew(): Node {
    const node = new Node({ first: 1000 });
    node.begin(1);
    node.transmit();
    node.hear(ack(100, 1000, 1000, Flag.HELLO_BACK), 2);
    heard(node, 2, 101, 3);
    node.begin(2);
    node.transmit();
    node.hear(alive(5000, Flag.HELLO), 1);
    node.hear(ack(5001, 1001, 1001), 1);
    heard(node, 1, 5002, 2);
    return node;
  }

  it('is known by its next number where it was heard as its former self: changing links loses nothing', () => {
    const node = begunAnew();
    node.transmit();
    for (let n = 0; n < 20; n++) heard(node, 2 - (n & 1), 5004 + n, 1);
    expect(node.say()).toEqual([]);
    expect(node.engine.counters).toEqual({ lost: 0, stale: 0, unfoundedAcks: 0 });
  });

  it('is not waited for any more as its former self', () => {
    const node = begunAnew();
    const kept = () => node.engine.queues.resendLength - node.engine.queues.controlNodes;
    expect(kept()).toBe(1);
    heard(node, 2, 5004, 1);
    expect(kept()).toBe(0);
  });

  it('is taken for two where the number is not the next one', () => {
    const node = begunAnew();
    heard(node, 2, 5005, 1);
    expect(node.engine.counters.lost).toBe(5005 - 104);
  });
});

describe('FT-FW: a group of several peers', () => {
  /** A node whose two peers have both acknowledged something. */
  function together(): Node {
    const node = new Node({ first: 1000 });
    node.begin(1);
    node.transmit();
    node.hear(ack(1, 1000, 1000, Flag.HELLO_BACK), 4);
    node.hear(ack(2001, 1000, 1000), 8);
    return node;
  }

  it('keeps what one of them has not acknowledged, and sends it again', () => {
    const node = together();
    node.begin(2);
    expect(node.say()).toEqual(['NEW']);
    node.hear(ack(2, 1001, 1001), 4);
    expect(node.engine.queues.resendLength).toBe(1);
    node.hear(nack(2002, 1001, 1001), 8);
    expect(node.say()).toEqual(['NEW']);
    node.hear(ack(2003, 1002, 1002), 8);
    node.hear(ack(3, 1002, 1002), 4);
    expect(node.engine.queues.resendLength).toBe(0);
  });

  it('sends again to the one that starts anew what the other one has, and keeps what that one lacks', () => {
    const node = together();
    node.beginMany(2, 2);
    node.transmit();
    node.hear(ack(2, 1001, 1001), 4);
    node.hear(alive(900_000, Flag.HELLO), 8);
    expect(node.say()).toEqual(['NEW HELLO_BACK']);
    node.hear(nack(3, 1002, 1002), 4);
    expect(node.say()).toEqual(['NEW']);
  });

  it('lets go of what a peer lacks that was not heard for a minute, but not of what nobody has', () => {
    const node = together();
    node.beginMany(2, 2);
    node.transmit();
    node.hear(ack(2, 1001, 1001), 4);
    for (let n = 3; n < 64; n++) {
      node.pass(1000);
      node.transmit();
      node.hear(alive(n), 4);
    }
    const kept = node.engine.queues.resendLength - node.engine.queues.controlNodes;
    expect(kept).toBe(1);
  });

  it('passes over acknowledgements of numbers that are others’', () => {
    const node = together();
    node.begin(2);
    node.transmit();
    node.hear(ack(2, 3_000_000_000, 3_000_000_300), 4);
    node.hear(ack(3, 900, 999), 4);
    expect(node.engine.queues.resendLength).toBe(1);
    expect(node.engine.counters.unfoundedAcks).toBe(2);
  });
});

describe('FT-FW: a sender whose every message leaves out a number', () => {
  it('is answered as far as there is room for answers, and what is refused is counted', () => {
    const node = greeted();
    heard(node, 1, 9000, 1);
    const gaps = 20_000;
    for (let n = 1; n <= gaps; n++) node.hear(alive(9000 + 2 * n));
    const { queues } = node.engine;
    expect(queues.transmitLength).toBe(CONTROLS_WAITING_MAX);
    expect(queues.refusals).toBe(2 * gaps - CONTROLS_WAITING_MAX);
    expect(node.engine.counters.lost).toBe(gaps);
    // Sixteen a millisecond.
    while (queues.transmitLength > 0) {
      node.transmit();
      node.pass(1);
    }
    node.hear(alive(9000 + 2 * gaps + 2));
    expect(node.say()).toEqual([
      `ACK ${9000 + 2 * gaps}-${9000 + 2 * gaps}`,
      `NACK ${9000 + 2 * gaps + 1}-${9000 + 2 * gaps + 1}`,
    ]);
  });
});

describe('FT-FW: a peer that comes back with lower numbers and says no HELLO', () => {
  it('is ignored for 3 seconds, then taken as it is', () => {
    const node = greeted();
    heard(node, 1, 9000, 1);
    for (let n = 0; n < 3; n++) {
      expect(node.hear(data(CT_NEW, 500 + n, record(n)))).toBe(false);
      node.pass(1000);
    }
    node.transmit();
    node.engine.pollEvents();
    expect(node.hear(data(CT_NEW, 503, record(3)))).toBe(true);
    expect(node.engine.pollEvents()).toEqual([{ kind: 'peer-adopted', sender: 1 }]);
    expect(node.hear(alive(504))).toBe(true);
    node.pass(1000);
    // What was passed over is asked for.
    expect(node.say()).toEqual(['NACK 500-502', 'ACK 503-504']);
    expect(node.engine.counters.stale).toBe(3);
  });

  it('is not taken for one while any of its messages is in order, or its numbers do not follow each other', () => {
    const node = greeted();
    heard(node, 1, 9000, 1);
    for (let n = 0; n < 10; n++) {
      expect(node.hear(alive(500 + n))).toBe(false);
      node.pass(500);
      if (n % 4 === 3) heard(node, 1, 9001 + n / 4 - 0.75, 1);
    }
    const other = greeted();
    heard(other, 1, 9000, 1);
    for (let n = 0; n < 10; n++) {
      expect(other.hear(alive(500 + 2 * n))).toBe(false);
      other.pass(1000);
    }
  });

  it('is taken across the end of 32 bits too', () => {
    const node = greeted();
    heard(node, 1, 5, 1);
    for (let n = 0; n < 3; n++) {
      expect(node.hear(alive((0xffff_fffe + n) >>> 0))).toBe(false);
      node.pass(1000);
    }
    expect(node.hear(alive(1))).toBe(true);
  });
});

describe.each([
  ['somewhere', 1000],
  ['across the end of 32 bits', 0xffff_fffe],
])('FT-FW: what it sends, numbers beginning %s', (_, first) => {
  const at = (n: number): number => (first + n) >>> 0;
  /** The number of the one ACK that the node has sent before. */
  const before = (): number => at(-1);

  it('gives every message the next number', () => {
    const node = greeted({ first });
    node.beginMany(4);
    node.engine.requestResync();
    expect(node.transmit().map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4].map(at));
    node.pass(1000);
    expect(node.transmit().map(({ sequence }) => sequence)).toEqual([at(5)]);
  });

  it('keeps what it sent until an ACK covers it, and a dead record with it', () => {
    const node = greeted({ first });
    node.beginMany(4);
    node.transmit();
    node.end(2);
    expect(node.say()).toEqual(['DEL']);
    expect(node.flows.table.size).toBe(4);
    const { queues } = node.engine;
    expect(queues.resendLength).toBe(5);
    node.hear(ack(1, before(), at(1)));
    expect(queues.resendLength).toBe(2);
    expect(node.flows.table.size).toBe(4);
    node.hear(ack(2, at(2), at(4)));
    expect(queues.resendLength).toBe(0);
    expect(node.flows.table.size).toBe(3);
  });

  it('sends again what is missed, in its then current state and under a new number', () => {
    const node = greeted({ first });
    node.beginMany(5);
    node.transmit();
    node.hear(nack(1, at(1), at(3)));
    // Since it was asked for: flow 2 ends, and flow 3 changes.
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

  it('sends a control message again that was missed, and ALIVE never', () => {
    const node = greeted({ first });
    node.engine.requestResync();
    node.transmit();
    node.pass(1000);
    expect(node.say()).toEqual(['ALIVE']);
    node.hear(nack(1, at(0), at(1)));
    expect(node.say()).toEqual(['RESYNC']);
    node.hear(ack(2, at(0), at(2)));
    node.hear(nack(3, at(0), at(2)));
    expect(node.say()).toEqual([]);
  });

  it('refuses and counts an ACK of numbers that it has not sent', () => {
    const node = greeted({ first });
    node.beginMany(2);
    node.transmit();
    node.hear(ack(1, before(), at(2)));
    node.hear(ack(2, at(0), at(1000)));
    expect(node.engine.counters.unfoundedAcks).toBe(2);
    expect(node.engine.queues.resendLength).toBe(3);
    node.hear(ack(3, before(), at(1)));
    expect(node.engine.queues.resendLength).toBe(0);
  });

  it('lets the oldest go when the resend queue is full, dead records with it', () => {
    const node = greeted({ first, resendQueueSize: 4 });
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
    node.hear(nack(1, before(), at(4)));
    expect(node.transmit().map(({ type }) => type)).toEqual([CT_NEW, CT_NEW, CT_NEW, CT_NEW]);
  });

  it('keeps nothing where the resend queue has no room at all', () => {
    const node = greeted({ first, resendQueueSize: 0 });
    node.begin(1);
    node.begin(2);
    node.transmit();
    node.end(1);
    node.transmit();
    expect(node.engine.queues.resendLength).toBe(0);
    expect(node.flows.table.size).toBe(1);
  });

  it('sends the whole internal caches on RESYNC, dead records too', () => {
    const node = greeted({ first });
    node.beginMany(3);
    node.update(1);
    node.end(2);
    node.transmit();
    node.engine.pollEvents();
    node.hear(resync(1));
    expect(node.say()).toEqual(['NEW', 'UPD', 'DEL']);
    expect(node.engine.pollEvents()).toEqual([
      { kind: 'resync-requested-by-peer' },
      { kind: 'bulk-update', records: 3 },
    ]);
    expect(node.engine.pollEvents()).toEqual([]);
  });

  it('sends them once for all requests of one turn, however many there are', () => {
    const node = greeted({ first });
    node.beginMany(3);
    node.transmit();
    node.hear(concat(...Array.from({ length: 200 }, (_, n) => resync(1 + n))));
    node.engine.sendBulk();
    expect(node.say().filter((message) => message === 'NEW').length).toBe(3);
    expect(node.engine.pollEvents().length).toBe(2);
  });
});

describe('FT-FW: the transmit queue', () => {
  it('sends a record once, however often it changed since', () => {
    const node = greeted();
    node.begin(1);
    node.update(1, { mark: 1 });
    node.update(1, { mark: 2 });
    const messages = node.transmit();
    expect(messages.map(({ record }) => record)).toEqual([
      Buffer.from(record(1, { mark: 2 })).toString('hex'),
    ]);
  });

  it('says NEW of a flow that took the place of another, however it changed since, until the peer has it', () => {
    const node = greeted();
    node.begin(1, { mark: 7 });
    node.transmit();
    node.end(1);
    node.begin(1);
    node.update(1, { tcp: { state: 3 } });
    expect(node.say()).toEqual(['NEW']);
    node.update(1, { tcp: { state: 4 } });
    expect(node.say()).toEqual(['NEW']);
    node.hear(ack(1, 999, 1002));
    node.update(1, { tcp: { state: 5 } });
    expect(node.say()).toEqual(['UPD']);
  });

  it('stops when the budget is used up, and goes on where it stopped', () => {
    const node = greeted();
    node.beginMany(5);
    expect(node.transmit(2).length).toBe(2);
    expect(node.transmission).toBe(TransmitResult.MORE);
    expect(node.transmit(3).length).toBe(3);
    expect(node.transmission).toBe(TransmitResult.DONE);
    expect(node.transmit()).toEqual([]);
  });

  it('sends control messages before records', () => {
    const node = greeted();
    node.beginMany(3);
    heard(node, 1, 50, 300);
    node.engine.requestResync();
    expect(node.say()).toEqual(['ACK 50-349', 'RESYNC', 'NEW', 'NEW', 'NEW']);
  });

  it('lets go of everything when its cache is flushed, queued or kept', () => {
    const node = greeted();
    node.beginMany(4);
    node.transmit(2);
    node.end(0);
    node.engine.requestResync();
    node.replica.flushInternal(0);
    expect(node.flows.table.size).toBe(0);
    expect(node.say()).toEqual(['RESYNC']);
    node.hear(nack(1, 1000, 1001));
    expect(node.say()).toEqual([]);
    expect(node.engine.queues.resendLength).toBe(2);
  });

  it('does not take a flow for another that had its slot before', () => {
    const node = greeted();
    node.begin(1);
    node.end(1);
    node.transmit();
    const { table } = node.flows;
    node.hear(ack(1, 1000, 1000));
    expect(table.size).toBe(0);
    node.begin(2);
    expect(table.stateOf(0)).toBe(SlotState.NEW);
    node.hear(nack(2, 1000, 1000));
    expect(node.transmit().map(({ type, sequence }) => [type, sequence])).toEqual([[CT_NEW, 1001]]);
    // The number under which the first flow went out says nothing about the second.
    node.hear(ack(3, 1000, 1000));
    node.end(2);
    expect(node.say()).toEqual(['DEL']);
    expect(table.size).toBe(1);
    node.hear(ack(4, 1001, 1002));
    expect(table.size).toBe(0);
  });
});

describe('FT-FW: flow control', () => {
  const WINDOW = 300;
  const IN_FLIGHT = 8 * WINDOW;

  /** A node that a peer was heard by just now, with `count` records to send. */
  function loaded(count: number): Node {
    const node = greeted({ ackWindowSize: WINDOW });
    node.beginMany(count);
    node.hear(alive(1));
    node.hear(ack(2, 998, 999));
    return node;
  }

  it('waits when eight windows are unacknowledged', () => {
    const node = loaded(5000);
    expect(node.transmit().length).toBe(IN_FLIGHT);
    expect(node.transmission).toBe(TransmitResult.WAITING);
    expect(node.transmit()).toEqual([]);
    expect(node.transmission).toBe(TransmitResult.WAITING);
  });

  it('waits at eight windows also when it has sent nothing for long before', () => {
    const node = greeted({ ackWindowSize: WINDOW });
    node.pass(60_000);
    node.transmit();
    node.hear(alive(1));
    node.hear(ack(2, 998, 1000));
    node.pass(500);
    node.beginMany(5000);
    expect(node.transmit().length).toBeLessThanOrEqual(IN_FLIGHT);
    expect(node.transmission).toBe(TransmitResult.WAITING);
  });

  it('goes on as far as an ACK makes room', () => {
    const node = loaded(5000);
    const sent = node.transmit();
    node.hear(ack(3, sent[0]!.sequence, sent[24]!.sequence));
    expect(node.transmit().length).toBe(25);
    expect(node.transmission).toBe(TransmitResult.WAITING);
  });

  it('goes on after 20 milliseconds without an ACK, by eight windows more', () => {
    const node = loaded(5000);
    node.transmit();
    expect(node.engine.pollTimeout()).toBe(node.now + 20);
    node.pass(19);
    expect(node.transmit()).toEqual([]);
    node.pass(1);
    expect(node.transmit().length).toBe(IN_FLIGHT);
    expect(node.transmission).toBe(TransmitResult.WAITING);
    expect(node.engine.pollTimeout()).toBe(node.now + 20);
  });

  it('has its patience anew after every ACK', () => {
    const node = loaded(5000);
    const sent = node.transmit();
    node.pass(15);
    node.hear(ack(3, sent[0]!.sequence, sent[24]!.sequence));
    expect(node.transmit().length).toBe(25);
    node.pass(19);
    expect(node.transmit()).toEqual([]);
    node.pass(1);
    expect(node.transmit().length).toBe(IN_FLIGHT);
  });

  it('goes on after 20 milliseconds also if nobody tells it of the time but by transmitting', () => {
    const node = loaded(5000);
    node.transmit();
    node.now += 20;
    expect(node.transmit().length).toBe(IN_FLIGHT);
  });

  it('never waits while no peer was heard for three seconds', () => {
    const node = greeted({ ackWindowSize: WINDOW });
    node.pass(3000);
    node.transmit();
    node.beginMany(5000);
    expect(node.transmit().length).toBe(5000);
    expect(node.transmission).toBe(TransmitResult.DONE);
  });

  it('never makes control messages wait', () => {
    const node = loaded(5000);
    node.transmit();
    heard(node, 1, 3, WINDOW);
    node.engine.requestResync();
    expect(node.say()).toEqual([`ACK 1-${WINDOW}`, 'RESYNC']);
  });

  it('has no timeout in the past when what waited is flushed', () => {
    const node = loaded(5000);
    node.transmit();
    node.replica.flushInternal(0);
    node.pass(25);
    expect(node.transmit()).toEqual([]);
    expect(node.engine.pollTimeout()).toBeGreaterThan(node.now);
  });

  it('works across the end of 32 bits', () => {
    const node = greeted({ ackWindowSize: WINDOW, first: 0xffff_fff0 });
    node.beginMany(5000);
    node.hear(alive(1));
    node.hear(ack(2, 0xffff_ffee, 0xffff_ffef));
    const sent = node.transmit();
    expect(sent.length).toBe(IN_FLIGHT);
    node.hear(ack(3, sent[0]!.sequence, sent[IN_FLIGHT - 1]!.sequence));
    expect(node.transmit().length).toBe(IN_FLIGHT);
  });
});

describe('FT-FW: who is tracked', () => {
  it('makes room for a new sender by forgetting the one it has not heard for longest', () => {
    const node = greeted();
    for (let sender = 1; sender <= 64; sender++) {
      node.hear(alive(100), sender);
      node.now++;
    }
    node.hear(alive(101), 2);
    // 99, the one of the hello, was the first to go; now it is 1's turn.
    node.hear(alive(100), 65);
    expect(node.hear(alive(100), 2)).toBe(false);
    expect(node.hear(alive(100), 1)).toBe(true);
  });

  it('parses its own datagrams', () => {
    const node = greeted();
    node.beginMany(100);
    const datagrams = node.emit();
    expect(datagrams.length).toBeGreaterThan(1);
    for (const datagram of datagrams) expect(datagram.length).toBeLessThan(1472);
    expect(datagrams.flatMap(parse).length).toBe(100);
  });
});

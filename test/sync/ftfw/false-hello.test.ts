import { describe, expect, it } from 'vitest';
import { alive, data } from '../../../sim/fuzz/messages.ts';
import { Random } from '../../../sim/random.ts';
import { LINKS_MAX } from '../../../src/sync/engine.ts';
import { SILENCE_MS } from '../../../src/sync/ftfw/series/series-pulse.ts';
import { Flag, MessageType } from '../../../src/wire/header.ts';
import { record } from '../../table/records.ts';
import { connectedNode, type Node } from '../node.ts';

const { CT_NEW } = MessageType;
const PEER = 1;
const OLD = 700_000;
const NEW = 2_000_000_000;

/** A node that has taken two messages of its peer. */
function followingNode(): Node {
  const node = connectedNode();
  for (const n of [0, 1]) node.receive(alive(OLD + n), PEER);
  node.advance(300);
  node.transmit();
  node.engine.pollEvents();
  return node;
}

const kinds = (node: Node): string[] => node.engine.pollEvents().map(({ kind }) => kind);

describe("FT-FW: HELLOs in a peer's name", () => {
  it('are counted and reported, and change nothing, while the peer goes on', () => {
    const node = followingNode();
    const random = Random.forStream(1);
    for (let n = 2; n < 40; n++) {
      for (const _ of [1, 2]) expect(node.receive(alive(random.u32(), Flag.HELLO), PEER)).toBe(false);
      node.advance(500);
      expect(node.receive(data(CT_NEW, OLD + n, record(n)), PEER)).toBe(true);
      for (const sent of node.transmitBrief()) expect(sent).not.toMatch(/HELLO|NACK|RESYNC/);
      expect(node.engine.pollEvents()).toContainEqual({
        kind: 'hello-refused',
        sender: PEER,
        total: 2 * (n - 1),
      });
    }
    expect(node.externalFlows.table.size).toBe(38);
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 0, falseHellos: 76 });
  });

  it('are refused on a link that the peer does not use, but for the first, and it stays one node', () => {
    const node = followingNode();
    const random = Random.forStream(2);
    const other = LINKS_MAX + PEER + 1;
    const numbers = new Set<number>();
    let taken = 0;
    for (let n = 2; n < 40; n++) {
      if (node.receive(alive(random.u32(), Flag.HELLO), other)) taken++;
      node.advance(500);
      expect(node.receive(data(CT_NEW, OLD + n, record(n)), PEER)).toBe(true);
      numbers.add(node.engine.rounds.mark >>> 20);
      node.transmit();
    }
    expect(taken).toBe(1);
    expect(numbers.size).toBe(1);
    // It moves there behind a gap, and its records are still one node's.
    expect(node.receive(data(CT_NEW, OLD + 50, record(50)), other)).toBe(true);
    numbers.add(node.engine.rounds.mark >>> 20);
    expect(numbers.size).toBe(1);
  });

  it('are taken on another link where two numbers follow each other', () => {
    const node = followingNode();
    const other = LINKS_MAX + PEER + 1;
    for (let n = 2; n < 6; n++) {
      node.receive(alive(OLD + n), PEER);
      node.receive(alive(NEW + 1000 * n, Flag.HELLO), other);
      node.advance(500);
    }
    node.receive(alive(OLD + 6), PEER);
    expect(node.receive(alive(5_000_000, Flag.HELLO), other)).toBe(false);
    expect(node.receive(alive(5_000_001, Flag.HELLO), other)).toBe(true);
  });

  it('bring no record', () => {
    const node = followingNode();
    expect(node.receive(data(CT_NEW, NEW, record(1), Flag.HELLO), PEER)).toBe(false);
    expect(node.externalFlows.table.size).toBe(0);
  });

  it('are taken while the peer is silent, until it goes on, which is asked for what it sent meanwhile', () => {
    const node = followingNode();
    node.receive(alive(OLD + 2), PEER);
    node.advance(SILENCE_MS);
    expect(node.receive(alive(NEW, Flag.HELLO), PEER)).toBe(true);
    node.transmit();
    expect(node.receive(alive(OLD + 4), PEER)).toBe(false);
    expect(node.receive(alive(OLD + 5), PEER)).toBe(true);
    expect(node.transmitBrief()).toContain(`NACK ${OLD + 3}-${OLD + 4}`);
    expect(kinds(node)).toContain('peer-adopted');
    expect(node.receive(alive(NEW + 1000, Flag.HELLO), PEER)).toBe(false);
    expect(node.receive(alive(OLD + 6), PEER)).toBe(true);
  });
});

describe('FT-FW: a peer that restarts at once', () => {
  it('is taken when its old numbers are silent, and asked for what was doubted', () => {
    const node = followingNode();
    for (const n of [0, 1, 2])
      expect(node.receive(data(CT_NEW, NEW + n, record(n), Flag.HELLO), PEER)).toBe(false);
    node.advance(SILENCE_MS - 300);
    expect(node.transmitBrief()).toContain(`NACK ${NEW}-${NEW + 2}`);
    expect(kinds(node)).toContain('peer-restarted');
    expect(node.receive(data(CT_NEW, NEW + 3, record(3)), PEER)).toBe(true);
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 0, falseHellos: 0 });
  });

  it('is taken also amid HELLOs of others', () => {
    const node = followingNode();
    const random = Random.forStream(1);
    let takenAt = -1;
    for (let n = 0; n < 10 && takenAt < 0; n++) {
      if (node.receive(alive(NEW + n, Flag.HELLO), PEER)) takenAt = n;
      for (const _ of [1, 2]) node.receive(alive(random.u32(), Flag.HELLO), PEER);
      node.advance(500);
      node.transmit();
    }
    expect(takenAt).toBeGreaterThan(0);
    expect(takenAt).toBeLessThan(5);
    // From then on the others are doubted again.
    for (let n = takenAt + 1; n < 20; n++) {
      expect(node.receive(alive(random.u32(), Flag.HELLO), PEER)).toBe(false);
      expect(node.receive(alive(NEW + n), PEER)).toBe(true);
      node.advance(500);
    }
  });
});

describe("FT-FW: far numbers without HELLO in a peer's name", () => {
  it.each([
    ['ahead', OLD + 1_000_000],
    ['behind', OLD - 2_000_000],
  ])('%s are doubted while the peer goes on', (_, far) => {
    const node = followingNode();
    for (let n = 2; n < 12; n++) {
      expect(node.receive(alive((far + 70_000 * n) >>> 0), PEER)).toBe(false);
      node.advance(500);
      expect(node.receive(alive(OLD + n), PEER)).toBe(true);
    }
    expect(node.engine.counters).toMatchObject({ lost: 0, stale: 0, falseHellos: 0 });
  });

  it('are reported when they go on beside it', () => {
    const node = followingNode();
    for (let n = 2; n < 12; n++) {
      node.receive(alive(NEW + n), PEER);
      node.advance(200);
      node.receive(alive(OLD + n), PEER);
    }
    expect(kinds(node).filter((kind) => kind === 'peer-refused')).toHaveLength(1);
  });
});

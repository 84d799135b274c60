import { describe, expect, it } from 'vitest';
import { PeerTable } from '../../src/sync/peer-table.ts';

/** Senders tracked at a time. */
const MOST = 64;

function create() {
  let made = 0;
  return new PeerTable(() => ({ number: made++ }));
}

describe('PeerTable', () => {
  it('gives each sender a state of its own, and the same one every time', () => {
    const table = create();
    const one = table.touch(7, 0);
    const other = table.touch(8, 0);
    expect(other).not.toBe(one);
    expect(table.touch(7, 5)).toBe(one);
    expect([...table.states()]).toEqual([one, other]);
  });

  it('replaces the sender that was silent for longest when there are too many', () => {
    const table = create();
    const states = Array.from({ length: MOST }, (_, sender) => table.touch(sender, sender));
    expect(table.touch(0, 1000)).toBe(states[0]);
    table.touch(5000, 1001);
    expect([...table.states()].length).toBe(MOST);
    expect(table.touch(0, 1002)).toBe(states[0]);
    // Sender 1 was replaced. Now it replaces sender 2.
    expect(table.touch(1, 1003)).not.toBe(states[1]);
    expect(table.touch(3, 1004)).toBe(states[3]);
    expect(table.touch(2, 1005)).not.toBe(states[2]);
  });

  it('holds no more, however many addresses are made up', () => {
    const table = create();
    for (let sender = 0; sender < 10_000; sender++) table.touch(sender, 1);
    expect([...table.states()].length).toBe(MOST);
  });

  it('knows whether any sender sent a message lately', () => {
    const table = create();
    expect(table.anyActiveWithin(1000, 5)).toBe(false);
    table.touch(1, 100);
    table.touch(2, 600);
    expect(table.anyActiveWithin(1000, 1599)).toBe(true);
    expect(table.anyActiveWithin(1000, 1600)).toBe(false);
  });
});

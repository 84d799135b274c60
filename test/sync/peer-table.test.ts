import { describe, expect, it } from 'vitest';
import { PeerTable } from '../../src/sync/peer-table.ts';

/** Senders that are tracked at a time. */
const MOST = 64;

function create() {
  let made = 0;
  return new PeerTable(() => ({ number: made++ }));
}

describe('Senders', () => {
  it('gives each sender a state of its own, and the same one every time', () => {
    const senders = create();
    const one = senders.touch(7, 0);
    const other = senders.touch(8, 0);
    expect(other).not.toBe(one);
    expect(senders.touch(7, 5)).toBe(one);
    expect([...senders.states()]).toEqual([one, other]);
  });

  it('forgets the one not heard for longest when there are too many', () => {
    const senders = create();
    const states = Array.from({ length: MOST }, (_, sender) => senders.touch(sender, sender));
    expect(senders.touch(0, 1000)).toBe(states[0]);
    senders.touch(5000, 1001);
    expect([...senders.states()].length).toBe(MOST);
    expect(senders.touch(0, 1002)).toBe(states[0]);
    // Sender 1 had to go; that it is heard again costs sender 2 its place.
    expect(senders.touch(1, 1003)).not.toBe(states[1]);
    expect(senders.touch(3, 1004)).toBe(states[3]);
    expect(senders.touch(2, 1005)).not.toBe(states[2]);
  });

  it('never holds more, however many addresses somebody makes up', () => {
    const senders = create();
    for (let sender = 0; sender < 10_000; sender++) senders.touch(sender, 1);
    expect([...senders.states()].length).toBe(MOST);
  });

  it('tells whether anybody was heard lately', () => {
    const senders = create();
    expect(senders.anyHeardWithin(1000, 5)).toBe(false);
    senders.touch(1, 100);
    senders.touch(2, 600);
    expect(senders.anyHeardWithin(1000, 1599)).toBe(true);
    expect(senders.anyHeardWithin(1000, 1600)).toBe(false);
  });
});

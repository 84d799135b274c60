import { describe, expect, it } from 'vitest';
import { Keepalive } from '../../src/sync/keepalive.ts';

describe('Keepalive', () => {
  it('is due a second after the last transmission, and every second where no message wakes the node', () => {
    const keepalive = new Keepalive(0);
    keepalive.noteTransmission(300);
    expect(keepalive.dueAt).toBe(1300);
    keepalive.breakSilence(1300);
    expect(keepalive.dueAt).toBe(2300);
    keepalive.breakSilence(2300);
    expect(keepalive.dueAt).toBe(3300);
  });

  it('goes with another message in the last quarter of that second', () => {
    const keepalive = new Keepalive(0);
    expect(keepalive.noteMessages(749)).toBe(false);
    expect(keepalive.noteMessages(750)).toBe(true);
    keepalive.breakSilence(750);
    expect(keepalive.dueAt).toBe(1750);
  });

  it('leaves it to another node to wake first, once, after one that was heard just after it woke by itself', () => {
    const keepalive = new Keepalive(0);
    keepalive.breakSilence(1000);
    keepalive.noteMessages(1020);
    expect(keepalive.dueAt).toBe(2000);
    keepalive.breakSilence(2000);
    keepalive.noteMessages(2019);
    expect(keepalive.dueAt).toBe(3020);
    // The other one is gone.
    keepalive.breakSilence(3020);
    expect(keepalive.dueAt).toBe(4020);
    keepalive.breakSilence(3900);
    keepalive.noteMessages(3901);
    expect(keepalive.dueAt).toBe(4900);
  });

  it('is due after a tenth of a second while messages get lost, and then not early', () => {
    const keepalive = new Keepalive(0);
    keepalive.noteLoss(0);
    expect(keepalive.dueAt).toBe(100);
    expect([keepalive.noteMessages(99), keepalive.noteMessages(100)]).toEqual([false, true]);
    keepalive.noteTransmission(2950);
    expect(keepalive.dueAt).toBe(3950);
    expect([keepalive.noteMessages(3699), keepalive.noteMessages(3700)]).toEqual([false, true]);
  });
});

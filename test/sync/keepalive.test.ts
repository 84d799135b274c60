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

  it('leaves it to another node to wake first, after one that was heard about when it last broke its silence', () => {
    const keepalive = new Keepalive(0);
    keepalive.breakSilence(1000);
    keepalive.noteMessages(1020);
    keepalive.breakSilence(2000);
    expect(keepalive.dueAt).toBe(3000);
    keepalive.noteMessages(2019);
    keepalive.breakSilence(3000);
    expect(keepalive.dueAt).toBe(4020);
    // The other one is gone.
    keepalive.breakSilence(4020);
    expect(keepalive.dueAt).toBe(5020);
  });

  it('wakes first after it followed, and leaves it to the other one after that', () => {
    const keepalive = new Keepalive(0);
    keepalive.noteMessages(900);
    keepalive.breakSilence(900);
    expect(keepalive.dueAt).toBe(1900);
    keepalive.breakSilence(1900);
    expect(keepalive.dueAt).toBe(2920);
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

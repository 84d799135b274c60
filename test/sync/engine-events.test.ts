import { describe, expect, it } from 'vitest';
import { EngineEvents } from '../../src/sync/engine-events.ts';

describe('EngineEvents', () => {
  it('returns events once, in the order they were added', () => {
    const events = new EngineEvents();
    events.add({ kind: 'resync-requested' });
    events.add({ kind: 'bulk-update', records: 3 });
    expect(events.take()).toEqual([{ kind: 'resync-requested' }, { kind: 'bulk-update', records: 3 }]);
    expect(events.take()).toEqual([]);
  });

  it('keeps one waiting event of each kind, so that no peer can pile them up', () => {
    const events = new EngineEvents();
    for (let sender = 0; sender < 1000; sender++) {
      events.add({ kind: 'resync-requested-by-peer' });
      events.add({ kind: 'peer-adopted', sender });
    }
    expect(events.take()).toEqual([
      { kind: 'resync-requested-by-peer' },
      { kind: 'peer-adopted', sender: 0 },
    ]);
  });

  it('says of each peer that it is silent, and back, once', () => {
    const events = new EngineEvents();
    for (const sender of [4, 8, 4]) {
      events.add({ kind: 'peer-silent', sender, silentMs: 5000 });
      events.add({ kind: 'peer-back', sender, silentMs: 6000 });
    }
    expect(events.take()).toEqual([
      { kind: 'peer-silent', sender: 4, silentMs: 5000 },
      { kind: 'peer-back', sender: 4, silentMs: 6000 },
      { kind: 'peer-silent', sender: 8, silentMs: 5000 },
      { kind: 'peer-back', sender: 8, silentMs: 6000 },
    ]);
  });

  it('accepts an event again after it was taken', () => {
    const events = new EngineEvents();
    events.add({ kind: 'resync-requested' });
    events.take();
    events.add({ kind: 'resync-requested' });
    expect(events.take()).toEqual([{ kind: 'resync-requested' }]);
  });

  it('does not change what it returned', () => {
    const events = new EngineEvents();
    const nothing = events.take();
    events.add({ kind: 'resync-requested' });
    const taken = events.take();
    events.add({ kind: 'bulk-from-kernel' });
    expect([nothing, taken]).toEqual([[], [{ kind: 'resync-requested' }]]);
  });
});

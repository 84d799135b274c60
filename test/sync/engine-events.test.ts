import { describe, expect, it } from 'vitest';
import { EngineEvents } from '../../src/sync/engine-events.ts';

describe('Facts', () => {
  it('gives what was added, in order, once', () => {
    const facts = new EngineEvents();
    facts.add({ kind: 'resync-requested' });
    facts.add({ kind: 'bulk-update', records: 3 });
    expect(facts.take()).toEqual([{ kind: 'resync-requested' }, { kind: 'bulk-update', records: 3 }]);
    expect(facts.take()).toEqual([]);
  });

  it('leaves out what repeats a fact that waits, so that no peer can pile them up', () => {
    const facts = new EngineEvents();
    for (let sender = 0; sender < 1000; sender++) {
      facts.add({ kind: 'resync-requested-by-peer' });
      facts.add({ kind: 'peer-adopted', sender });
    }
    expect(facts.take()).toEqual([{ kind: 'resync-requested-by-peer' }, { kind: 'peer-adopted', sender: 0 }]);
  });

  it('takes a fact again after it was given', () => {
    const facts = new EngineEvents();
    facts.add({ kind: 'resync-requested' });
    facts.take();
    facts.add({ kind: 'resync-requested' });
    expect(facts.take()).toEqual([{ kind: 'resync-requested' }]);
  });

  it('does not change what it gave', () => {
    const facts = new EngineEvents();
    const nothing = facts.take();
    facts.add({ kind: 'resync-requested' });
    const taken = facts.take();
    facts.add({ kind: 'bulk-from-kernel' });
    expect([nothing, taken]).toEqual([[], [{ kind: 'resync-requested' }]]);
  });
});

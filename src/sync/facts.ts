import type { EngineFact } from './engine.ts';

const NOTHING: readonly EngineFact[] = [];

/** Facts that wait to be taken. One that repeats what waits already is left out, so that nobody can pile them up. */
export class Facts {
  private waiting: EngineFact[] = [];

  add(fact: EngineFact): void {
    if (!this.waiting.some(({ kind }) => kind === fact.kind)) this.waiting.push(fact);
  }

  take(): readonly EngineFact[] {
    if (this.waiting.length === 0) return NOTHING;
    const taken = this.waiting;
    this.waiting = [];
    return taken;
  }
}

import type { EngineEvent } from './engine.ts';

const NOTHING: readonly EngineEvent[] = [];

/** Facts that wait to be taken. One that repeats what waits already is left out, so that nobody can pile them up. */
export class EngineEvents {
  private waiting: EngineEvent[] = [];

  add(fact: EngineEvent): void {
    if (!this.waiting.some(({ kind }) => kind === fact.kind)) this.waiting.push(fact);
  }

  take(): readonly EngineEvent[] {
    if (this.waiting.length === 0) return NOTHING;
    const taken = this.waiting;
    this.waiting = [];
    return taken;
  }
}

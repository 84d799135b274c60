import type { EngineEvent } from './engine.ts';

const NO_EVENTS: readonly EngineEvent[] = [];

/** Events that wait to be polled, at most one of each kind, so that no peer can pile them up. */
export class EngineEvents {
  private waiting: EngineEvent[] = [];

  /** Adds the event, unless one of its kind waits. */
  add(event: EngineEvent): void {
    if (!this.waiting.some(({ kind }) => kind === event.kind)) this.waiting.push(event);
  }

  /** Returns the events in the order they were added, and forgets them. */
  take(): readonly EngineEvent[] {
    if (this.waiting.length === 0) return NO_EVENTS;
    const taken = this.waiting;
    this.waiting = [];
    return taken;
  }
}

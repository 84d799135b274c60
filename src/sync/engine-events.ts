import type { EngineEvent } from './engine.ts';

const NO_EVENTS: readonly EngineEvent[] = [];

/**
 * Events that wait to be polled, at most one of each kind, so that no peer can pile them up. That a peer is silent or back, which
 * takes it seconds, is said of each.
 */
export class EngineEvents {
  private waiting: EngineEvent[] = [];

  /** Adds the event, unless one like it waits. */
  add(event: EngineEvent): void {
    if (!this.waiting.some((one) => areAlike(one, event))) this.waiting.push(event);
  }

  /** Returns the events in the order they were added, and forgets them. */
  take(): readonly EngineEvent[] {
    if (this.waiting.length === 0) return NO_EVENTS;
    const taken = this.waiting;
    this.waiting = [];
    return taken;
  }
}

function areAlike(one: EngineEvent, other: EngineEvent): boolean {
  if (one.kind === 'peer-silent' || one.kind === 'peer-back')
    return other.kind === one.kind && other.sender === one.sender;
  return one.kind === other.kind;
}

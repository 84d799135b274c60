const NOBODY = -1;

/** Senders tracked at a time; the one not heard for longest makes room. */
const SENDERS_MAX = 64;

interface Entry<T> {
  readonly state: T;
  heardAt: number;
}

/** What is known of each sender. */
export class PeerTable<T> {
  private readonly entries = new Map<number, Entry<T>>();
  private readonly create: () => T;
  /** Who was heard last: mostly it is heard next, and need not be looked up for every message. */
  private last = NOBODY;
  private lastEntry: Entry<T> | undefined;

  /** @param create makes the state of a sender that was not heard before */
  constructor(create: () => T) {
    this.create = create;
  }

  /** The state of a sender that is heard now (milliseconds). */
  touch(sender: number, now: number): T {
    const entry = this.entryOf(sender);
    if (entry !== undefined) {
      entry.heardAt = now;
      return entry.state;
    }
    const state = this.create();
    this.add(sender, state, now);
    return state;
  }

  /** The state of a sender that has been heard before. */
  stateOf(sender: number): T | undefined {
    return this.entryOf(sender)?.state;
  }

  /** The sender is one that is known under another number: they share its state from now on. */
  rename(sender: number, state: T, now: number): void {
    this.add(sender, state, now);
  }

  /** True if any sender was heard within so many milliseconds. */
  anyHeardWithin(patience: number, now: number): boolean {
    for (const { heardAt } of this.entries.values()) if (now - heardAt < patience) return true;
    return false;
  }

  /** Each state once. */
  states(): Set<T> {
    return new Set([...this.entries.values()].map(({ state }) => state));
  }

  private entryOf(sender: number): Entry<T> | undefined {
    if (sender !== this.last) {
      this.lastEntry = this.entries.get(sender);
      this.last = sender;
    }
    return this.lastEntry;
  }

  private add(sender: number, state: T, now: number): void {
    if (this.entries.size >= SENDERS_MAX) this.dropStalest();
    this.entries.set(sender, { state, heardAt: now });
    this.last = NOBODY;
  }

  private dropStalest(): void {
    let stalest = -1;
    let oldest = Number.POSITIVE_INFINITY;
    for (const [sender, { heardAt }] of this.entries) {
      if (heardAt >= oldest) continue;
      stalest = sender;
      oldest = heardAt;
    }
    this.entries.delete(stalest);
  }
}

/** Senders tracked at a time; the one not heard for longest makes room. */
const SENDERS_MAX = 64;

interface Entry<T> {
  readonly state: T;
  heardAt: number;
}

/** What is known of each sender. */
export class Senders<T> {
  private readonly entries = new Map<number, Entry<T>>();
  private readonly create: () => T;

  /** @param create makes the state of a sender that was not heard before */
  constructor(create: () => T) {
    this.create = create;
  }

  /** The state of a sender that is heard now (milliseconds). */
  heard(sender: number, now: number): T {
    let entry = this.entries.get(sender);
    if (entry) {
      entry.heardAt = now;
      return entry.state;
    }
    if (this.entries.size >= SENDERS_MAX) this.dropStalest();
    entry = { state: this.create(), heardAt: now };
    this.entries.set(sender, entry);
    return entry.state;
  }

  /** True if the sender has been heard before. */
  knows(sender: number): boolean {
    return this.entries.has(sender);
  }

  /** The sender is one that is known under another number: they share its state from now on. */
  rename(sender: number, state: T, now: number): void {
    if (this.entries.size >= SENDERS_MAX) this.dropStalest();
    this.entries.set(sender, { state, heardAt: now });
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

const NOBODY = -1;

/** Senders tracked at a time. A new one replaces the one that was silent for longest. */
const SENDERS_MAX = 64;

interface Entry<T> {
  readonly state: T;
  heardAt: number;
}

/** The state that an engine keeps for each sender. */
export class PeerTable<T> {
  private readonly entries = new Map<number, Entry<T>>();
  private readonly create: () => T;
  /** The last sender looked up. It usually sends the next message too, which then needs no lookup. */
  private last = NOBODY;
  private lastEntry: Entry<T> | undefined;
  /** What {@link states} returned; undefined since senders came or went. */
  private known: ReadonlySet<T> | undefined;

  /** @param create makes the state of a new sender */
  constructor(create: () => T) {
    this.create = create;
  }

  /** The state of a sender that sends a message now (milliseconds); creates it if the sender is new. */
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

  /** The state of a sender, undefined if it is new. */
  stateOf(sender: number): T | undefined {
    return this.entryOf(sender)?.state;
  }

  /** The sender is known under another number: from now on both have this state. */
  rename(sender: number, state: T, now: number): void {
    this.add(sender, state, now);
  }

  /** True if any sender sent a message in the last `periodMs`. */
  anyActiveWithin(periodMs: number, now: number): boolean {
    for (const { heardAt } of this.entries.values()) if (now - heardAt < periodMs) return true;
    return false;
  }

  /** Each state once. */
  states(): ReadonlySet<T> {
    this.known ??= new Set([...this.entries.values()].map(({ state }) => state));
    return this.known;
  }

  private entryOf(sender: number): Entry<T> | undefined {
    if (sender !== this.last) {
      this.lastEntry = this.entries.get(sender);
      this.last = sender;
    }
    return this.lastEntry;
  }

  private add(sender: number, state: T, now: number): void {
    if (this.entries.size >= SENDERS_MAX) this.dropLongestSilent();
    this.entries.set(sender, { state, heardAt: now });
    this.last = NOBODY;
    this.known = undefined;
  }

  private dropLongestSilent(): void {
    let longestSilent = NOBODY;
    let oldest = Number.POSITIVE_INFINITY;
    for (const [sender, { heardAt }] of this.entries) {
      if (heardAt >= oldest) continue;
      longestSilent = sender;
      oldest = heardAt;
    }
    this.entries.delete(longestSilent);
  }
}

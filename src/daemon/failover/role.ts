import type { CommitResult } from '../sync/node-commands.ts';

/** What a node is in the pair. Who is what is decided elsewhere (keepalived, pacemaker, an operator). */
export type Role = 'primary' | 'backup' | 'fault';

export type RoleSource = 'keepalived' | 'command';

/** What is known of a node's role. Times are in milliseconds of the node's monotonic clock. */
export interface RoleState {
  /** Undefined until the first request for a role. */
  readonly role: Role | undefined;
  readonly since: number | undefined;
  readonly source: RoleSource | undefined;
  /** How long the last change to primary took, from the request to the end of the bulk's start; undefined before one. */
  readonly lastTakeoverMs: number | undefined;
  /** What of the present role's work was not done; undefined if all was, or while it is under way. */
  readonly shortfall: string | undefined;
  /** Whether the work of the present role is still under way. */
  readonly isChanging: boolean;
  /** Changes begun since the start. */
  readonly changes: number;
  /** Requests that a later one replaced before they were begun. */
  readonly superseded: number;
}

/** What the work of a role came to. */
export interface RoleWork {
  /** Undefined where there was nothing to commit. */
  readonly commit: CommitResult | undefined;
  /** What of the work was not done, for people; undefined if all was. */
  readonly shortfall: string | undefined;
}

/** Does the work of a role; resolves when it has ended. */
export type EnterRole = (role: Role) => Promise<RoleWork>;

interface Waiter {
  resolve(work: RoleWork | undefined): void;
  reject(reason: unknown): void;
}

interface Request {
  readonly role: Role;
  readonly source: RoleSource;
  readonly askedAt: number;
  readonly waiters: Waiter[];
}

/**
 * Changes a node's role, one change at a time.
 *
 * A request that comes while a change is under way waits for its end: half a commit would be neither role. Only the
 * newest request waits; an older one that has not begun is superseded, because it is no longer true. A request for the
 * role that the node has, or is changing to, with nothing else waiting, is done when that change is: keepalived writes
 * BACKUP again whenever it is reloaded, and a repeated commit would cost the flows that began since. But where a part of
 * the role's work was not done, the next request for it does all of it again.
 */
export class RoleChanger {
  private readonly enter: EnterRole;
  private readonly now: () => number;
  private current: Request | undefined;
  /** What the work of the current role came to; undefined while it is under way. */
  private outcome: RoleWork | undefined;
  private waiting: Request | undefined;
  private working = false;
  private since: number | undefined;
  private lastTakeoverMs: number | undefined;
  private changes = 0;
  private superseded = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(enter: EnterRole, now: () => number) {
    this.enter = enter;
    this.now = now;
  }

  get state(): RoleState {
    const { current, outcome, since, lastTakeoverMs, changes, superseded } = this;
    return {
      role: current?.role,
      source: current?.source,
      since,
      lastTakeoverMs,
      shortfall: outcome?.shortfall,
      changes,
      superseded,
      isChanging: this.working,
    };
  }

  /**
   * Resolves when the role's work has ended, to undefined when a later request came first; rejects with what the role's
   * work threw.
   */
  request(role: Role, source: RoleSource): Promise<RoleWork | undefined> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const newest = this.waiting ?? this.current;
      if (newest?.role === role) {
        const { outcome } = this;
        if (newest !== this.current || outcome === undefined) {
          newest.waiters.push(waiter);
          return;
        }
        if (outcome.shortfall === undefined) {
          resolve(outcome);
          return;
        }
      }
      this.supersede();
      // Asked back to the role that is being entered: what is under way is what is wanted.
      if (this.current?.role === role && this.outcome === undefined) {
        this.current.waiters.push(waiter);
        return;
      }
      this.waiting = { role, source, askedAt: this.now(), waiters: [waiter] };
      if (!this.working) void this.work();
    });
  }

  private supersede(): void {
    const { waiting } = this;
    this.waiting = undefined;
    if (waiting === undefined) return;
    this.superseded++;
    for (const waiter of waiting.waiters) waiter.resolve(undefined);
  }

  private async work(): Promise<void> {
    this.working = true;
    try {
      for (let next = this.takeWaiting(); next !== undefined; next = this.takeWaiting()) {
        this.current = next;
        this.outcome = undefined;
        this.since = this.now();
        this.changes++;
        await this.carryOut(next);
      }
    } finally {
      this.working = false;
    }
  }

  private async carryOut({ role, askedAt, waiters }: Request): Promise<void> {
    try {
      const outcome = await this.enter(role);
      if (role === 'primary') this.lastTakeoverMs = this.now() - askedAt;
      this.outcome = outcome;
      for (const { resolve } of waiters.splice(0)) resolve(outcome);
    } catch (error) {
      this.outcome = { commit: undefined, shortfall: error instanceof Error ? error.message : String(error) };
      for (const { reject } of waiters.splice(0)) reject(error);
    }
  }

  private takeWaiting(): Request | undefined {
    const { waiting } = this;
    this.waiting = undefined;
    return waiting;
  }
}

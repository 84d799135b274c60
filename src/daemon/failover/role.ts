/** What a node is in the pair. Who is what is decided elsewhere (keepalived, pacemaker, an operator). */
export type Role = 'primary' | 'backup' | 'fault';

export type RoleSource = 'keepalived' | 'command';

/** What is known of a node's role. Times are in milliseconds of the node's monotonic clock. */
export interface RoleState {
  /** Undefined until somebody has said. */
  readonly role: Role | undefined;
  readonly since: number | undefined;
  readonly source: RoleSource | undefined;
  /** How long the last change to primary took, from the request to the end of the bulk's start; undefined before one. */
  readonly lastTakeoverMs: number | undefined;
  /** Whether the work of the present role is still under way. */
  readonly isChanging: boolean;
  /** Changes begun since the start. */
  readonly changes: number;
  /** Requests that a later one replaced before they were begun. */
  readonly superseded: number;
}

/** Does the work of a role; resolves when it is done. */
export type EnterRole = (role: Role) => Promise<void>;

interface Waiter {
  resolve(entered: boolean): void;
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
 * role that the node has, or is changing to, with nothing else waiting, is done when that change is: keepalived says
 * BACKUP again whenever it is reloaded, and a repeated commit would cost the flows that began since.
 */
export class RoleChanger {
  private readonly enter: EnterRole;
  private readonly now: () => number;
  private current: Request | undefined;
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
    const { current, since, lastTakeoverMs, changes, superseded } = this;
    return {
      role: current?.role,
      source: current?.source,
      since,
      lastTakeoverMs,
      changes,
      superseded,
      isChanging: this.working,
    };
  }

  /**
   * Resolves to true when the node has entered the role, to false when a later request came first; rejects with what the
   * role's work threw.
   */
  request(role: Role, source: RoleSource): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const newest = this.waiting ?? this.current;
      if (newest?.role === role) {
        if (newest === this.current && !this.working) resolve(true);
        else newest.waiters.push(waiter);
        return;
      }
      this.supersede();
      // Asked back to the role that is being entered: what is under way is what is wanted.
      if (this.working && this.current?.role === role) {
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
    for (const waiter of waiting.waiters) waiter.resolve(false);
  }

  private async work(): Promise<void> {
    this.working = true;
    try {
      for (let next = this.takeWaiting(); next !== undefined; next = this.takeWaiting()) {
        this.current = next;
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
      await this.enter(role);
      if (role === 'primary') this.lastTakeoverMs = this.now() - askedAt;
      for (const { resolve } of waiters.splice(0)) resolve(true);
    } catch (error) {
      for (const { reject } of waiters.splice(0)) reject(error);
    }
  }

  private takeWaiting(): Request | undefined {
    const { waiting } = this;
    this.waiting = undefined;
    return waiting;
  }
}

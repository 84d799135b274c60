import { AssertionError } from '../../bytes/assert.ts';
import type { FailoverSettings } from '../../settings/settings.ts';
import type { Log } from '../process/log.ts';
import type { CommitResult, NodeCommands } from '../sync/node-commands.ts';
import type { Guard } from './guard/guard.ts';
import type { KeepalivedNotice, KeepalivedState } from './keepalived-line.ts';
import { type FifoCounters, NotifyFifo } from './notify-fifo.ts';
import { type Role, RoleChanger, type RoleSource, type RoleState, type RoleWork } from './role.ts';

/** What a state of keepalived makes of the node, as Debian's primary-backup.sh has it; STOP and DELETED as FAULT. */
const ROLE_OF_STATE: Readonly<Record<KeepalivedState, Role>> = {
  MASTER: 'primary',
  BACKUP: 'backup',
  FAULT: 'fault',
  STOP: 'fault',
  DELETED: 'fault',
};

export interface FailoverState extends RoleState {
  /** What the last commit of a change to primary came to; undefined before one. */
  readonly lastCommit: CommitResult | undefined;
  /** Undefined where keepalived is not listened to. */
  readonly fifo: FifoCounters | undefined;
}

/** How a requested change of role ended. */
export type RoleOutcome =
  | { readonly kind: 'entered' }
  /** The node has the role, but a part of its work was not done: the next request for it does all of it again. */
  | { readonly kind: 'incomplete'; readonly shortfall: string }
  /** A later request came before this one was begun. */
  | { readonly kind: 'superseded' };

/**
 * The node's part in a failover: takes the roles that keepalived or an operator gives it, and does in this process what
 * scripts do in four or five: to primary, commit, flush the caches, resync with the kernel, send everything; to backup,
 * reset the timers and ask the peer for everything; at a fault, reset the timers.
 */
export class Failover {
  private readonly settings: FailoverSettings;
  private readonly commands: NodeCommands;
  private readonly log: Log;
  readonly guard: Guard | undefined;
  private readonly changer: RoleChanger;
  private lastCommit: CommitResult | undefined;
  private fifo: NotifyFifo | undefined;

  /**
   * @param now milliseconds of the node's clock
   * @param guard undefined: nothing is dropped while the flows are committed
   */
  constructor(
    settings: FailoverSettings,
    commands: NodeCommands,
    log: Log,
    now: () => number,
    guard?: Guard,
  ) {
    this.settings = settings;
    this.commands = commands;
    this.log = log;
    this.guard = guard;
    this.changer = new RoleChanger((role) => this.enter(role), now);
  }

  /**
   * Listens to keepalived, where the settings say so.
   * @throws FifoError
   */
  start(): void {
    const { keepalivedFifo } = this.settings;
    if (keepalivedFifo === undefined) return;
    this.fifo = new NotifyFifo({
      path: keepalivedFifo,
      notice: (notice) => this.takeNotice(notice),
      warn: (text) =>
        this.log.warning(text, { event: 'keepalived_fifo_failed', path: keepalivedFifo, reason: text }),
    });
    this.log.notice(`listening to keepalived on ${keepalivedFifo}`, {
      event: 'keepalived_listening',
      path: keepalivedFifo,
    });
  }

  close(): void {
    this.fifo?.close();
  }

  get state(): FailoverState {
    return { ...this.changer.state, lastCommit: this.lastCommit, fifo: this.fifo?.counters };
  }

  /**
   * Resolves when the role's work has ended, or when a later request took this one's place; rejects with what the work
   * threw.
   */
  async request(role: Role, source: RoleSource): Promise<RoleOutcome> {
    const { guard, changer } = this;
    if (role === 'primary') guard?.expectTakeover('the role primary was asked for');
    const work = await changer.request(role, source);
    if (work === undefined) return { kind: 'superseded' };
    // Also for a role that the node has already: a commit by `-c' may have lifted the guard.
    if (role !== 'primary' && changer.state.role === role) guard?.raise();
    const { shortfall } = work;
    return shortfall === undefined ? { kind: 'entered' } : { kind: 'incomplete', shortfall };
  }

  private takeNotice({ kind, name, state }: KeepalivedNotice): void {
    const { source } = this.settings;
    if (source !== undefined && (source.kind !== kind || source.name !== name)) return;
    this.request(ROLE_OF_STATE[state], 'keepalived').catch((error: unknown) => {
      this.log.error(`failover: ${(error as Error).stack ?? error}`, { event: 'failover_failed' });
      // After a failed assertion nothing in memory can be trusted: the daemon ends.
      if (error instanceof AssertionError) throw error;
    });
  }

  private async enter(role: Role): Promise<RoleWork> {
    const { commands, log } = this;
    const { source } = this.changer.state;
    log.notice(`becoming ${role} (asked by ${source === 'keepalived' ? 'keepalived' : 'a command'})`, {
      event: 'role_change',
      role,
      asked_by: source,
    });
    // A script's commit may be under way: what it leaves behind is committed, too.
    await commands.whenIdle();
    if (role === 'primary') return this.takeOver();
    commands.resetTimers();
    if (role === 'backup') commands.requestResync();
    return { commit: undefined, shortfall: undefined };
  }

  private async takeOver(): Promise<RoleWork> {
    const { commands, log } = this;
    const commit = await this.commit();
    this.lastCommit = commit;
    const uncommitted = commitShortfall(commit);
    // What could not be committed stays in the external cache, for the next attempt.
    if (uncommitted === undefined) await commands.flushCaches('all');
    else await commands.flushInternal('all');
    const isResynced = await commands.resyncWithKernel('all');
    commands.sendBulk();
    const shortfall =
      uncommitted ?? (isResynced ? undefined : "the kernel's table could not be read; see the daemon's log");
    if (shortfall !== undefined) {
      log.error(`primary, but not all is done: ${shortfall}`, {
        event: 'takeover_incomplete',
        reason: shortfall,
      });
    }
    return { commit, shortfall };
  }

  /** Lifts the guard also where the commit fails: nothing gets better by waiting. */
  private async commit(): Promise<CommitResult | undefined> {
    try {
      return await this.commands.commit('all');
    } finally {
      this.guard?.lift();
    }
  }
}

function commitShortfall(commit: CommitResult | undefined): string | undefined {
  if (commit === undefined) return undefined;
  if (!commit.isComplete) return "the commit did not come to its end; see the daemon's log";
  return commit.failed > 0 ? `${commit.failed} entries could not be committed` : undefined;
}

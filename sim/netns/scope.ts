import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The parts of a laboratory that outlive a process: its namespaces, the processes in them, its directory. */
export interface Scope {
  /** Unique and short; every name in the laboratory begins with it: `ctd-1a2b3c`. */
  readonly id: string;
  /** The private temporary directory. */
  readonly directory: string;
  /** Makes an empty network namespace `<id>-<suffix>` and returns its name. */
  addNamespace(suffix: string): string;
  /** Kills the processes in the namespaces by pid, removes namespaces and directory, waits until the processes have ended. */
  close(): Promise<void>;
}

interface Holdings {
  readonly directory: string;
  readonly namespaces: string[];
}

const NETNS = '/run/netns';
const GONE_DEADLINE = 5_000;
const open = new Set<Holdings>();

/** Process ids of everything that runs in a named network namespace. */
export function processesIn(namespace: string): number[] {
  return processesOf(new Set([namespace]));
}

function processesOf(namespaces: ReadonlySet<string>): number[] {
  const inodes = new Set<string>();
  for (const name of namespaces) {
    try {
      const { dev, ino } = statSync(join(NETNS, name));
      inodes.add(`${dev}:${ino}`);
    } catch {
      // The namespace no longer exists.
    }
  }
  if (inodes.size === 0) return [];
  const found: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const { dev, ino } = statSync(`/proc/${entry}/ns/net`);
      if (inodes.has(`${dev}:${ino}`)) found.push(Number(entry));
    } catch {
      // It ended while we read, or it is a zombie, which no longer has a namespace.
    }
  }
  return found;
}

// A zombie counts as ended: the init process reaps detached daemons.
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}

// Synchronous, because Node allows nothing else in its 'exit' event. The namespaces are the laboratory's own, so the
// laboratory started every process in them, including detached daemons.
function removeHoldings(holdings: Holdings): number[] {
  const names = new Set(holdings.namespaces);
  const killed: number[] = [];
  for (let round = 0; round < 3; round++) {
    const pids = processesOf(names).filter((pid) => pid !== process.pid);
    if (pids.length === 0) break;
    for (const pid of pids) {
      killed.push(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  }
  if (names.size > 0) {
    const input = [...names].map((name) => `netns del ${name}\n`).join('');
    spawnSync('ip', ['-force', '-batch', '-'], { input, stdio: ['pipe', 'ignore', 'ignore'] });
  }
  rmSync(holdings.directory, { recursive: true, force: true });
  return killed;
}

function release(holdings: Holdings): number[] {
  if (!open.delete(holdings)) return [];
  const killed = removeHoldings(holdings);
  if (open.size === 0) stopWatching();
  return killed;
}

function releaseAll(): void {
  for (const holdings of [...open]) release(holdings);
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function onSignal(signal: NodeJS.Signals): void {
  releaseAll();
  stopWatching();
  // Our listener kept the signal from ending the process; if there is no other listener, it still must.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

function startWatching(): void {
  process.on('exit', releaseAll);
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

function stopWatching(): void {
  process.off('exit', releaseAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

// The kernel may reuse a pid; together with the process's start time (field 22 of its stat) it is unique.
function identity(pid: number | 'self'): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${Number.parseInt(stat, 10)} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

const OWNER_FILE = 'owner';

/**
 * Removes the remains of scopes whose process was killed before it could clean up (SIGKILL, out of memory). Keeps the
 * scopes of running processes. Returns the ids of the removed scopes.
 */
export function removeAbandoned(prefix = 'ctd'): string[] {
  const removed: string[] = [];
  for (const entry of readdirSync(tmpdir())) {
    const id = new RegExp(`^(${prefix}-[0-9a-f]{6})-`).exec(entry)?.[1];
    if (id === undefined) continue;
    const directory = join(tmpdir(), entry);
    let owner: string;
    try {
      owner = readFileSync(join(directory, OWNER_FILE), 'latin1');
    } catch {
      continue;
    }
    if (identity(Number.parseInt(owner, 10)) === owner) continue;
    const namespaces = readdirSync(NETNS).filter((name) => name.startsWith(`${id}-`));
    removeHoldings({ directory, namespaces });
    removed.push(id);
  }
  return removed;
}

/** Opens a scope. `close()` releases it; so does the end of this process, by exit or by a signal that it can catch. */
export function openScope(prefix = 'ctd'): Scope {
  const id = `${prefix}-${randomBytes(3).toString('hex')}`;
  const holdings: Holdings = { directory: mkdtempSync(join(tmpdir(), `${id}-`)), namespaces: [] };
  if (open.size === 0) startWatching();
  open.add(holdings);
  writeFileSync(join(holdings.directory, OWNER_FILE), identity('self') ?? '');
  return {
    id,
    directory: holdings.directory,
    addNamespace(suffix) {
      if (!open.has(holdings)) throw new Error(`${id} is closed`);
      const name = `${id}-${suffix}`;
      holdings.namespaces.push(name);
      const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
      if (made.status !== 0) throw new Error(`ip netns add ${name}: ${made.stderr || made.error?.message}`);
      return name;
    },
    async close() {
      const killed = release(holdings);
      const deadline = performance.now() + GONE_DEADLINE;
      while (killed.some(isAlive)) {
        if (performance.now() > deadline) {
          throw new Error(`${id}: processes ${killed.filter(isAlive).join(', ')} survived SIGKILL`);
        }
        await sleep(10);
      }
    },
  };
}

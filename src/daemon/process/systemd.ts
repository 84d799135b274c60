import { TIMER_MAX_MS } from '../../system/clock.ts';
import { libc } from '../../system/libc.ts';

/** The part of an environment that is read. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reports the daemon's state to systemd by the protocol of sd_notify(3): a datagram of `NAME=value` to the UNIX socket that
 * NOTIFY_SOCKET names. Where it names none, nothing happens.
 *
 * A call returns a warning, or undefined. The same warning is returned once.
 */
export interface Systemd {
  /** What is wrong with the watchdog's variables. */
  readonly warning: string | undefined;
  /** Milliseconds from one {@link watchdog} to the next: half of what systemd allows. Undefined: systemd does not ask. */
  readonly watchdogInterval: number | undefined;
  /**
   * Names the process that is the daemon from now on. The process that systemd started sends this
   * before the one that it starts itself is ready: systemd accepts messages of other processes only with NotifyAccess=all.
   */
  mainPid(pid: number): string | undefined;
  /** The daemon is ready. */
  ready(): string | undefined;
  /** The daemon begins to shut down. */
  stopping(): string | undefined;
  /** The daemon is alive. */
  watchdog(): string | undefined;
}

/** @param enabled false (`Systemd off`): sends nothing */
export function openSystemd(env: Environment, enabled: boolean): Systemd {
  const path = enabled ? env.NOTIFY_SOCKET : undefined;
  const watchdog = enabled ? readWatchdog(env) : {};
  let reported: string | undefined;

  const notify = (state: string): string | undefined => {
    if (!path) return undefined;
    const trouble = send(path, state);
    if (trouble === undefined || trouble === reported) return undefined;
    reported = trouble;
    return trouble;
  };
  return {
    warning: watchdog.warning,
    watchdogInterval: watchdog.interval,
    mainPid: (pid) => notify(`MAINPID=${pid}`),
    ready: () => notify('READY=1'),
    stopping: () => notify('STOPPING=1'),
    watchdog: () => notify('WATCHDOG=1'),
  };
}

/**
 * The environment for the daemon's process, from that of the process that starts it: where systemd's watchdog watches the
 * starting process, it is to watch the daemon.
 */
export function daemonEnvironment<E extends Environment>(env: E): E {
  if (env.WATCHDOG_PID !== String(process.pid)) return env;
  return { ...env, WATCHDOG_PID: undefined };
}

function send(path: string, state: string): string | undefined {
  if (!path.startsWith('/') && !path.startsWith('@')) {
    return `cannot notify systemd: NOTIFY_SOCKET is \`${path}', neither a path nor an abstract socket`;
  }
  try {
    libc().sendToUnix(path, new TextEncoder().encode(state));
    return undefined;
  } catch (error) {
    return `cannot notify systemd (${state}): ${(error as Error).message}`;
  }
}

interface Watchdog {
  readonly interval?: number;
  readonly warning?: string;
}

/** WATCHDOG_USEC and WATCHDOG_PID, as sd_watchdog_enabled(3) reads them. */
function readWatchdog(env: Environment): Watchdog {
  const { WATCHDOG_USEC: limit, WATCHDOG_PID: pid } = env;
  if (limit === undefined) return {};
  const microseconds = readNumber(limit);
  const waitedFor = pid === undefined ? process.pid : readNumber(pid);
  if (microseconds === undefined || waitedFor === undefined) {
    const name = microseconds === undefined ? `WATCHDOG_USEC=${limit}` : `WATCHDOG_PID=${pid}`;
    return { warning: `failed to get watchdog details from systemd: Invalid argument (${name})` };
  }
  if (waitedFor !== process.pid) return {};
  return { interval: Math.min(Math.max(Math.floor(microseconds / 2000), 1), TIMER_MAX_MS) };
}

/** A positive decimal number that is not the one which stands for infinity (2^64 - 1) or more. */
function readNumber(text: string): number | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text);
  return value > 0n && value < 2n ** 64n - 1n ? Number(value) : undefined;
}

/** The node's role, as `-s`, `role` and their JSON forms show it. */
export interface RoleStatistics {
  readonly role: 'primary' | 'backup' | 'fault' | 'unknown';
  /** Milliseconds since 1970; absent for an unknown role. */
  readonly since?: number;
  readonly source?: 'keepalived' | 'command';
  /** True while the work of the role is under way. */
  readonly changing: boolean;
  /** Changes of role since the start. */
  readonly changes: number;
  /** Requests that a later one replaced before they were begun. */
  readonly superseded: number;
  /** From the request to the end of the last change to primary, in ms; absent before one. */
  readonly lastTakeoverMs?: number;
  readonly lastCommit?: {
    readonly committed: number;
    readonly failed: number;
    readonly takenMs: number;
    readonly complete: boolean;
  };
  /** Lines read from keepalived's FIFO; absent where keepalived is not listened to. */
  readonly keepalived?: { readonly notices: number; readonly malformed: number };
}

/** What a request for a role came to. One line of JSON on the control socket. */
export type RoleAnswer =
  | { readonly kind: 'entered'; readonly failed: number; readonly complete: boolean }
  | { readonly kind: 'superseded' };

/** `2026-11-29 08:15:02`, in local time. */
function timeText(ms: number): string {
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** One line: `role: primary since 2026-11-29 08:15:02 (keepalived), last takeover took 0.045 s`. */
export function roleText({ role, since, source, changing, lastTakeoverMs }: RoleStatistics): string {
  let text = `role: ${role}`;
  if (since !== undefined) text += ` since ${timeText(since)}`;
  if (source !== undefined) text += ` (${source})`;
  if (changing) text += ', change under way';
  if (lastTakeoverMs !== undefined) text += `, last takeover took ${(lastTakeoverMs / 1000).toFixed(3)} s`;
  return `${text}\n`;
}

import { RoleRequest } from './codes.ts';
import { type GuardStatistics, guardText } from './guard.ts';

/** The requests for a role, by its name. */
export const ROLE_REQUESTS = {
  primary: RoleRequest.PRIMARY,
  backup: RoleRequest.BACKUP,
  fault: RoleRequest.FAULT,
} as const;
export type RoleName = keyof typeof ROLE_REQUESTS;

/** The role that a request asks for; undefined if it asks for none. */
export function roleOfRequest(request: number): RoleName | undefined {
  const names = Object.keys(ROLE_REQUESTS) as RoleName[];
  return names.find((name) => ROLE_REQUESTS[name] === request);
}

/** The node's role, as `-s`, `role` and their JSON forms show it. */
export interface RoleStatistics {
  readonly role: RoleName | 'unknown';
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
  /** What of the role's work was not done, for people; absent if all was. */
  readonly shortfall?: string;
  readonly lastCommit?: {
    readonly committed: number;
    readonly failed: number;
    readonly takenMs: number;
    readonly complete: boolean;
  };
  /** Lines read from keepalived's FIFO; absent where keepalived is not listened to. */
  readonly keepalived?: { readonly notices: number; readonly malformed: number };
  /** Absent where no guard is configured. */
  readonly guard?: GuardStatistics;
}

/** What a request for a role came to. One line of JSON on the control socket. */
export type RoleAnswer =
  | { readonly kind: 'entered' }
  /** A part of the role's work was not done. */
  | { readonly kind: 'incomplete'; readonly shortfall: string }
  /** A later request took this one's place. */
  | { readonly kind: 'superseded' }
  /** The daemon failed at it. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Why a request for a role was not carried out, or not all of it, by the daemon's answer; undefined if it was. */
export function roleTrouble(role: string, answer: string): string | undefined {
  if (answer === '') {
    return 'the daemon knows no roles (it is a C node, or keeps statistics only), or it ended before it answered';
  }
  const trouble = troubleOf(JSON.parse(answer) as RoleAnswer);
  return trouble && `${role}: ${trouble}`;
}

function troubleOf(answer: RoleAnswer): string | undefined {
  switch (answer.kind) {
    case 'entered':
      return undefined;
    case 'incomplete':
      return answer.shortfall;
    case 'superseded':
      return "a later request took this one's place";
    case 'failed':
      return `the daemon failed: ${answer.reason}; see its log`;
  }
}

/** `2026-11-29 08:15:02`, in local time. */
function timeText(ms: number): string {
  const at = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `role: primary since 2026-11-29 08:15:02 (keepalived), last takeover took 0.045 s`, and a line about the guard. */
export function roleText(statistics: RoleStatistics): string {
  const { role, since, source, changing, lastTakeoverMs, shortfall, guard } = statistics;
  let text = `role: ${role}`;
  if (since !== undefined) text += ` since ${timeText(since)}`;
  if (source !== undefined) text += ` (${source})`;
  if (changing) text += ', change under way';
  if (lastTakeoverMs !== undefined) text += `, last takeover took ${(lastTakeoverMs / 1000).toFixed(3)} s`;
  if (shortfall !== undefined) text += `, not all done: ${shortfall}`;
  return guard === undefined ? `${text}\n` : `${text}\n${guardText(guard)}`;
}

import { Request, RoleRequest } from '../../control/codes.ts';

/** Answer FIFOs, and so clients at a time. bin/conntrackd-ts has the same number. */
export const SLOTS = 16;

/** Bytes of a request at most; PIPE_BUF, up to which a write is whole (pipe(7)), is 4096. */
export const REQUEST_LINE_MAX = 64;

/** What a client asks: one line, `SLOT PID REQUEST`, in decimal. */
export interface LauncherRequest {
  /** From 1 to {@link SLOTS}: the answer FIFO that it reads. */
  readonly slot: number;
  /** Its process id, for the log lines that it prints. */
  readonly pid: number;
  /** As on the control socket. */
  readonly request: number;
}

/** The requests whose answer is a line or nothing. */
const TAKEN: ReadonlySet<number> = new Set([
  Request.COMMIT_ALL,
  Request.COMMIT_CT,
  Request.COMMIT_EXPECT,
  Request.FLUSH_CACHES_ALL,
  Request.FLUSH_INTERNAL,
  Request.FLUSH_EXTERNAL,
  Request.FLUSH_KERNEL_ALL,
  Request.FLUSH_KERNEL_CT,
  Request.FLUSH_KERNEL_EXPECT,
  Request.RESYNC_KERNEL_ALL,
  Request.RESYNC_KERNEL_CT,
  Request.RESYNC_KERNEL_EXPECT,
  Request.SEND_BULK,
  Request.KILL,
  Request.REQUEST_RESYNC,
  Request.RESET_TIMERS,
  RoleRequest.PRIMARY,
  RoleRequest.BACKUP,
  RoleRequest.FAULT,
]);

/** True for a request that is answered through FIFOs; the others need the control socket. */
export function isLauncherRequest(request: number): boolean {
  return TAKEN.has(request);
}

/** The request in a line without its end; undefined where it is none. */
export function parseRequestLine(line: string): LauncherRequest | undefined {
  const found = /^(\d{1,2}) (\d{1,10}) (\d{1,6})$/.exec(line);
  if (found === null) return undefined;
  const [slot, pid, request] = found.slice(1).map(Number) as [number, number, number];
  return slot >= 1 && slot <= SLOTS ? { slot, pid, request } : undefined;
}

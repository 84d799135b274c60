/** What the kernel's log says of connection tracking. */

import { closeSync, constants, openSync, readlinkSync, readSync } from 'node:fs';
import { attempt, messageOf, textAt } from '../machine/look.ts';

/** Lines that say that the table was full, and packets were dropped. */
export type KernelLogFact =
  | { readonly state: 'unreadable'; readonly why: string }
  | {
      readonly state: 'read';
      /** Lines about this network namespace, or about none. */
      readonly tableFull: number;
      /** Seconds since the last of them. */
      readonly lastSecondsAgo?: number;
      /** Lines about other network namespaces. */
      readonly elsewhere: number;
    };

/** Before Linux 6.18 the line does not name the namespace. */
const TABLE_FULL = /nf_conntrack: table full(?: in netns (\d+))?, dropping packet/;

/** A line of /dev/kmsg, Documentation/ABI/testing/dev-kmsg: `4,1234,36331159329,-;the text`. */
const RECORD = /^\d+,\d+,(\d+),[^;]*;(.*)/;

/**
 * Counts in records of /dev/kmsg.
 * @param uptimeSeconds of the kernel now @param netns the inode number of this network namespace
 */
export function countTableFull(
  records: Iterable<string>,
  uptimeSeconds: number,
  netns: number | undefined,
): Extract<KernelLogFact, { state: 'read' }> {
  let tableFull = 0;
  let elsewhere = 0;
  let last: number | undefined;
  for (const record of records) {
    const [, microseconds, text] = RECORD.exec(record) ?? [];
    const found = TABLE_FULL.exec(text ?? '');
    if (found === null) continue;
    if (found[1] !== undefined && netns !== undefined && Number(found[1]) !== netns) {
      elsewhere++;
      continue;
    }
    tableFull++;
    last = Number(microseconds) / 1e6;
  }
  return {
    state: 'read',
    tableFull,
    elsewhere,
    ...(last === undefined ? {} : { lastSecondsAgo: Math.max(0, uptimeSeconds - last) }),
  };
}

/** The kernel's number of this network namespace; undefined where /proc does not tell. */
function networkNamespace(): number | undefined {
  const found = /\[(\d+)\]/.exec(attempt(() => readlinkSync('/proc/self/ns/net')) ?? '');
  return found === null ? undefined : Number(found[1]);
}

/** A record has no more, CONSOLE_EXT_LOG_MAX. */
const RECORD_MAX = 8192;
/** Records read, at most. */
const RECORDS_MAX = 100_000;

function* records(fd: number): Generator<string> {
  const buffer = Buffer.alloc(RECORD_MAX);
  for (let n = 0; n < RECORDS_MAX; n++) {
    let size: number;
    try {
      size = readSync(fd, buffer);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A record was overwritten before it was read: the next one follows.
      if (code === 'EPIPE') continue;
      if (code === 'EAGAIN') return;
      throw error;
    }
    if (size === 0) return;
    yield buffer.toString('latin1', 0, size);
  }
}

/** Reads the kernel's log, which needs CAP_SYSLOG where kernel.dmesg_restrict is 1. */
export function readKernelLog(): KernelLogFact {
  let fd: number | undefined;
  try {
    fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
    const uptime = Number.parseFloat(textAt('/proc/uptime') ?? '0');
    return countTableFull(records(fd), uptime, networkNamespace());
  } catch (error) {
    return { state: 'unreadable', why: messageOf(error) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

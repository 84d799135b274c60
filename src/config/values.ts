import { SYSLOG_FACILITIES, type SyslogFacility } from './config.ts';
import { type Cursor, isOn } from './cursor.ts';
import { DEFAULTS } from './defaults.ts';
import type { Token } from './tokens.ts';

/** The unsigned fields of C's configuration; the signed ones end at 2^31 - 1. */
export const UINT32_MAX = 0xffff_ffff;

const utf8 = new TextEncoder();

/**
 * A path of at most `limit` bytes. `label` is the option's name in C's message.
 * C takes all up to a space, a newline or a quote, so a tab or a carriage return becomes part of the name; that is
 * kept, as both ends of a control socket must agree on it, and warned about.
 */
export function readPath(cursor: Cursor, label: string, limit: number): string {
  return checkPath(cursor, cursor.take('path'), label, limit);
}

function checkPath(cursor: Cursor, token: Token, label: string, limit: number): string {
  const path = token.text;
  if (utf8.encode(path).length > limit) {
    throw cursor.refuse(token, `${label} is longer than ${limit} characters`);
  }
  if (path.includes('\0') || path.includes('\ufffd')) {
    throw cursor.refuse(token, `${label} holds bytes that are not text`);
  }
  for (let i = 0; i < path.length; i++) {
    if (path.charCodeAt(i) < 0x20 || path.charCodeAt(i) === 0x7f) {
      cursor.warn(
        token,
        `${label} ${path} holds a control character; only a space or a newline ends a path`,
        'start',
      );
      break;
    }
  }
  return path;
}

/** LogFile's value: a path, the default path for on; off leaves what was set before, as in C. */
export function readLogFile(
  cursor: Cursor,
  set: {
    readonly label: string;
    readonly limit: number;
    readonly standard: string;
    readonly before: string | undefined;
  },
): string | undefined {
  const token = cursor.take('switch', 'path');
  if (token.kind === 'path') return checkPath(cursor, token, set.label, set.limit);
  return isOn(token) ? set.standard : set.before;
}

/**
 * Syslog's value; an unknown facility leaves what was set before. `other` is the facility of the other one of
 * General and Stats, with which a named one must agree.
 */
export function readSyslog(
  cursor: Cursor,
  set: {
    readonly unknown: string;
    readonly before: SyslogFacility | undefined;
    readonly other: SyslogFacility | undefined;
  },
): SyslogFacility | undefined {
  const token = cursor.take('switch', 'name');
  if (token.kind === 'switch') return isOn(token) ? DEFAULTS.syslogFacility : undefined;
  const facility = SYSLOG_FACILITIES.find((name) => name === token.text);
  if (facility === undefined) {
    cursor.warn(token, `'${token.text}' is not a known syslog facility, ${set.unknown}`);
    return set.before;
  }
  if (set.other !== undefined && set.other !== facility) {
    cursor.warn(token, 'conflicting Syslog facility values, defaulting to General');
  }
  return facility;
}

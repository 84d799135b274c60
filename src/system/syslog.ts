/** The system's log, syslog(3). */

import { bind } from './native.ts';

interface Calls {
  openlog(ident: Uint8Array, option: number, facility: number): void;
  syslog(priority: number, format: string, type: 'str', text: string): void;
}

let calls: Calls | undefined;
/** openlog keeps the pointer, so the text must stay. */
let ident: Uint8Array | undefined;

function bound(): Calls {
  calls ??= {
    openlog: bind('void openlog(const uint8_t *, int, int)'),
    syslog: bind('void syslog(int, const char *, ...)'),
  };
  return calls;
}

/** Opens the log: `LOG_*` options and facility as in `syslog.h`. */
export function openlog(name: string, option: number, facility: number): void {
  const bytes = new TextEncoder().encode(`${name}\0`);
  const text = new Uint8Array(new ArrayBuffer(bytes.length));
  text.set(bytes);
  bound().openlog(text, option, facility);
  ident = text;
}

/** Writes one line; openlog comes before. */
export function syslog(priority: number, text: string): void {
  if (ident === undefined) throw new Error('the system log is not open');
  bound().syslog(priority, '%s', 'str', text.replaceAll('\0', ' '));
}

/** A place in a configuration file. Lines and columns count from 1; a column is a UTF-16 code unit, a tab is one. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/**
 * Why a configuration file cannot be used. The message is one line:
 * `/etc/conntrackd/conntrackd.conf:12:5: found `Foo', expected one of `Mode', `Multicast'`.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What stands at that place, as the message shows it. */
  readonly found: string;
  /** What the grammar allows there; empty where the grammar is content and the value is not. */
  readonly expected: readonly string[];

  constructor(
    file: string,
    at: Position,
    details: { readonly found: string; readonly expected: readonly string[]; readonly reason: string },
  ) {
    super(`${printable(file)}:${at.line}:${at.column}: ${details.reason}`);
    this.file = file;
    this.line = at.line;
    this.column = at.column;
    this.found = details.found;
    this.expected = details.expected;
  }
}

/** The grammar wants something else here. `advice` says what to do about it. */
export function unexpected(
  file: string,
  at: Position,
  found: string,
  expected: readonly string[],
  advice?: string,
): ConfigError {
  const wanted = expected.length === 1 ? expected[0]! : `one of ${expected.join(', ')}`;
  const hint = advice === undefined ? '' : ` (${advice})`;
  return new ConfigError(file, at, { found, expected, reason: `found ${found}, expected ${wanted}${hint}` });
}

/** The grammar is content, the value is not. */
export function refused(file: string, at: Position, found: string, reason: string): ConfigError {
  return new ConfigError(file, at, { found, expected: [], reason });
}

const SHOWN_CHARACTERS = 64;

/** Text in the quotes of C's messages, cut to 64 characters. */
export function quote(text: string): string {
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text;
  return `\`${printable(shown)}'`;
}

/** Control characters as `\xNN`, so that a message stays on its line and cannot steer a terminal. */
export function printable(text: string): string {
  let shown = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const control = code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0x2028 || code === 0x2029;
    shown += control ? `\\x${code.toString(16).padStart(2, '0')}` : text[i];
  }
  return shown;
}

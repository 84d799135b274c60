import type { ConfigError, Position } from './error.ts';
import { printable, quote, refused, unexpected } from './error.ts';
import { adviceFor } from './old-words.ts';
import type { Token, Tokenizer, TokenKind } from './tokens.ts';

/**
 * Something in the file that works, but perhaps not as its author expects. `when` is when C logs the warning: `read`
 * each time the daemon or a client reads the file; `start` only when the daemon starts. Warnings of our own are of the
 * second kind, so that a client's output stays C's.
 */
export interface ConfigWarning extends Position {
  readonly message: string;
  readonly when: 'read' | 'start';
}

/** How messages name a kind of token that they expect. */
const KIND_NAMES: Readonly<Record<TokenKind, readonly string[]>> = {
  word: ['a keyword'],
  name: ['a name'],
  switch: ["`on'", "`off'"],
  mode: ["`FTFW'", "`ALARM'", "`NOTRACK'"],
  number: ['a number'],
  signed: ['a number with a sign'],
  address: ['an IP address'],
  path: ['a path'],
  symbol: ['a symbol'],
  end: ['end of file'],
};

/** What a clause does once its keyword has been read. */
export type Clause = (keyword: Token) => void;

const INT32_MAX = 0x7fff_ffff;
const MAX_WARNINGS = 1000;

/** Reads tokens with one token of lookahead; its errors name the place and what the grammar expects there. */
export class Cursor {
  readonly #tokens: Tokenizer;
  readonly #warnings: ConfigWarning[] = [];
  #ahead: Token;

  constructor(tokens: Tokenizer) {
    this.#tokens = tokens;
    this.#ahead = tokens.next();
  }

  get warnings(): readonly ConfigWarning[] {
    return this.#warnings;
  }

  get file(): string {
    return this.#tokens.file;
  }

  peek(): Token {
    return this.#ahead;
  }

  next(): Token {
    const token = this.#ahead;
    this.#ahead = this.#tokens.next();
    return token;
  }

  /** At most 1,000 are kept. */
  warn(at: Position, message: string, when: ConfigWarning['when'] = 'read'): void {
    if (this.#warnings.length < MAX_WARNINGS) {
      this.#warnings.push({ line: at.line, column: at.column, message: printable(message), when });
    }
  }

  refuse(token: Token, reason: string): ConfigError {
    return refused(this.file, token, quote(token.text), reason);
  }

  /** True, and the token is gone, if the next token is this keyword or symbol. */
  skip(text: string): boolean {
    const token = this.#ahead;
    if ((token.kind !== 'word' && token.kind !== 'symbol') || token.text !== text) return false;
    this.next();
    return true;
  }

  expect(text: string): Token {
    const token = this.#ahead;
    if (!this.skip(text)) throw this.#unexpected(token, [quote(text)]);
    return token;
  }

  /** The next token if it is of one of these kinds. */
  take(...kinds: readonly TokenKind[]): Token {
    const token = this.#ahead;
    if (!kinds.includes(token.kind)) {
      throw this.#unexpected(
        token,
        kinds.flatMap((kind) => KIND_NAMES[kind]),
      );
    }
    return this.next();
  }

  /** The next token if it is one of these keywords. `others` is what else the caller would have taken. */
  takeWord(words: readonly string[], others: readonly string[] = []): Token {
    const token = this.#ahead;
    if (token.kind !== 'word' || !words.includes(token.text)) {
      throw this.#unexpected(token, [...words, ...others].map(quote));
    }
    return this.next();
  }

  /** A decimal number from 0 to `limit`; C lets larger ones wrap around. */
  number(keyword: Token, limit = INT32_MAX): number {
    return this.valueOf(keyword, this.take('number'), limit);
  }

  valueOf(keyword: Token, token: Token, limit = INT32_MAX): number {
    const value = Number(token.text);
    if (value > limit) {
      throw this.refuse(
        token,
        `${quote(token.text)} is too large for ${quote(keyword.text)}, the limit is ${limit}`,
      );
    }
    return value;
  }

  /** `others` is what else the caller would have taken, as messages show it. */
  onOff(...others: readonly string[]): boolean {
    const token = this.#ahead;
    if (token.kind !== 'switch') throw this.#unexpected(token, [...KIND_NAMES.switch, ...others]);
    return isOn(this.next());
  }

  /** Clauses in any order up to the end of the file. */
  wholeFile(clauses: ReadonlyMap<string, Clause>): void {
    while (this.#ahead.kind !== 'end') this.#clause(clauses, 'end of file');
  }

  /** `{`, clauses in any order, `}`. */
  block(clauses: ReadonlyMap<string, Clause>): void {
    this.expect('{');
    while (!this.skip('}')) this.#clause(clauses, "`}'");
  }

  /** `{`, tokens of these kinds or keywords, `}`. */
  list(kinds: readonly TokenKind[], words: readonly string[], item: Clause): void {
    this.expect('{');
    while (!this.skip('}')) {
      const token = this.#ahead;
      const wanted = kinds.includes(token.kind) || (token.kind === 'word' && words.includes(token.text));
      if (!wanted) {
        throw this.#unexpected(token, [
          ...kinds.flatMap((kind) => KIND_NAMES[kind]),
          ...words.map(quote),
          "`}'",
        ]);
      }
      item(this.next());
    }
  }

  #clause(clauses: ReadonlyMap<string, Clause>, close: string): void {
    const token = this.#ahead;
    const clause = token.kind === 'word' ? clauses.get(token.text) : undefined;
    if (clause === undefined) throw this.#unexpected(token, [...[...clauses.keys()].map(quote), close]);
    clause(this.next());
  }

  #unexpected(token: Token, expected: readonly string[]): ConfigError {
    const found = describe(token, expected.includes(KIND_NAMES.name[0]!));
    return unexpected(this.file, token, found, expected, adviceFor(token.text, expected));
  }
}

export function isOn(token: Token): boolean {
  return /^(?:on|yes)$/i.test(token.text);
}

/** Where a name is expected, explains why a token that looks like one is none. */
function describe(token: Token, nameWanted: boolean): string {
  if (token.kind === 'end') return 'end of file';
  const shown = quote(token.text);
  if (!nameWanted) return shown;
  if (token.kind === 'address') return `the address ${shown}`;
  if (token.kind === 'word' || token.kind === 'switch' || token.kind === 'mode')
    return `the keyword ${shown}`;
  return shown;
}

import type { Position } from './error.ts';
import { quote, unexpected } from './error.ts';

/**
 * What a token is. `word` is one of the file format's keywords, `name` any other identifier, `mode` a replication
 * mode and `switch` an on/off/yes/no, both in any case.
 */
export type TokenKind =
  | 'word'
  | 'name'
  | 'switch'
  | 'mode'
  | 'number'
  | 'signed'
  | 'address'
  | 'path'
  | 'symbol'
  | 'end';

export interface Token extends Position {
  readonly kind: TokenKind;
  /** The characters as they stand in the file; empty at the end of the file. */
  readonly text: string;
}

/** The keywords of conntrack-tools 1.4.9 (read_config_lex.l); case matters. */
const WORDS: ReadonlySet<string> = new Set(
  `UNIX IPv4_address IPv6_address IPv4_Destination_Address IPv6_Destination_Address IPv4_interface IPv6_interface
  Interface Multicast UDP TCP HashSize RefreshTime CacheTimeout CommitTimeout HashLimit Path Backlog Group Port
  LogFile Syslog LockFile General Sync Stats SocketBufferSize SocketBufferSizeMaxGrown SocketBufferSizeMaxGrowth
  NetlinkBufferSize NetlinkBufferSizeMaxGrowth Mode ResendQueueSize Checksum ACKWindowSize for SYN_SENT SYN_RECV
  ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE CLOSED LISTEN SndSocketBuffer RcvSocketBuffer Filter
  Protocol Address State Accept Ignore PurgeTimeout From Userspace Kernelspace EventIterationLimit Default PollSecs
  NetlinkOverrunResync Nice Scheduler Type Priority NetlinkEventsReliable DisableInternalCache DisableExternalCache
  Options TCPWindowTracking ExpectationSync ErrorQueueLength Helper QueueNum QueueLen Policy ExpectMax ExpectTimeout
  Systemd StartupResync Setup`.split(/\s+/),
);

const SWITCH = /^(?:on|off|yes|no)$/i;

const MODE = /^(?:ftfw|alarm|notrack|nack)$/i;

// C's pattern takes the last letter as a capital only (watched in 1.4.7); `persistent` is a plain name.
const PERSISTENT = /^[Pp][Ee][Rr][Ss][Ii][Ss][Tt][Ee][Nn]T$/;

const IDENTIFIER = /[a-zA-Z][a-zA-Z0-9.\-_]*/y;
const NUMBER = /[0-9]+/y;
const SIGNED = /[-+][0-9]+/y;
const PATH = /\/[^"\n ]*/y;
const IPV4 = /[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(?:\/[0-9]+)?/y;
const IPV6_FULL = /(?:[0-9a-fA-F]{1,4}:){0,7}[0-9a-fA-F]{1,4}/y;
const PREFIX_LENGTH = /\/[0-9]+/y;

/** Length of what `pattern` (sticky) matches at `at`, 0 if it does not. */
function matched(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex - at : 0;
}

function isHex(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

const MAX_GROUPS = 7;

/**
 * End of up to seven groups of one to four hexadecimal digits, each with a colon or none. With `stopAtPair` the
 * groups end before a `::` that follows, or the result is -1 if there is none within reach.
 */
function ipv6Groups(text: string, start: number, stopAtPair: boolean): number {
  let at = start;
  for (let group = 0; group <= MAX_GROUPS; group++) {
    if (stopAtPair && text.startsWith('::', at)) return text[at + 2] === ':' && at > start ? at + 1 : at;
    if (group === MAX_GROUPS || !isHex(text, at)) break;
    let digits = 0;
    while (digits < 4 && isHex(text, at)) {
      at++;
      digits++;
    }
    if (text[at] === ':' && !(stopAtPair && text[at + 1] === ':')) at++;
  }
  return stopAtPair ? -1 : at;
}

/** Length of the longest IPv6 address by C's loose pattern; 0 for none. The tokenizer's caller checks what it takes. */
function ipv6Length(text: string, at: number): number {
  let length = matched(IPV6_FULL, text, at);
  const pair = ipv6Groups(text, at, true);
  if (pair >= 0) length = Math.max(length, ipv6Groups(text, pair + 2, false) - at);
  return length === 0 ? 0 : length + matched(PREFIX_LENGTH, text, at + length);
}

/**
 * Cuts a configuration text into tokens as C's lexer does: the longest match wins, and of equally long ones the
 * order word, switch, number, address, mode, name. So `TCP` is a keyword and `TCP2` a name, and a name made of
 * up to four hexadecimal digits, such as `e0`, is an address.
 */
export class Tokenizer {
  readonly file: string;
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.file = file;
  }

  /**
   * The next token; a token of kind `end` for ever after the last one.
   * @throws ConfigError for a comment that the end of the file cuts short, which C refuses too.
   */
  next(): Token {
    this.#skipBlank();
    const at = this.#at;
    const { kind, length } = this.#classify(at);
    this.#at = at + length;
    return { kind, text: this.#text.slice(at, at + length), ...this.#position(at) };
  }

  #position(at: number): Position {
    return { line: this.#line, column: at - this.#lineStart + 1 };
  }

  #skipBlank(): void {
    const text = this.#text;
    for (;;) {
      const character = text[this.#at];
      if (character === '\n') {
        this.#at++;
        this.#line++;
        this.#lineStart = this.#at;
      } else if (character === ' ' || character === '\t' || character === '\r') {
        this.#at++;
      } else if (character === '#') {
        const end = text.indexOf('\n', this.#at);
        if (end < 0) {
          const rest = quote(text.slice(this.#at));
          throw unexpected(this.file, this.#position(this.#at), rest, ['a newline after the comment']);
        }
        this.#at = end;
      } else {
        return;
      }
    }
  }

  #classify(at: number): { kind: TokenKind; length: number } {
    const text = this.#text;
    if (at >= text.length) return { kind: 'end', length: 0 };

    const path = matched(PATH, text, at);
    if (path > 0) return { kind: 'path', length: path };
    const signed = matched(SIGNED, text, at);
    if (signed > 0) return { kind: 'signed', length: signed };

    const number = matched(NUMBER, text, at);
    const identifier = matched(IDENTIFIER, text, at);
    const address = Math.max(matched(IPV4, text, at), ipv6Length(text, at));
    if (address > Math.max(number, identifier)) return { kind: 'address', length: address };
    if (number > 0) return { kind: 'number', length: number };
    if (identifier > 0) {
      const word = text.slice(at, at + identifier);
      if (WORDS.has(word)) return { kind: 'word', length: identifier };
      if (SWITCH.test(word)) return { kind: 'switch', length: identifier };
      if (address === identifier) return { kind: 'address', length: identifier };
      if (MODE.test(word) || PERSISTENT.test(word)) return { kind: 'mode', length: identifier };
      return { kind: 'name', length: identifier };
    }
    return { kind: 'symbol', length: (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1 };
  }
}

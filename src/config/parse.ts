import { emptyClauseValues } from './clause-values.ts';
import type { Config } from './config.ts';
import { type Clause, type ConfigWarning, Cursor } from './cursor.ts';
import { LIMITS } from './defaults.ts';
import { refused } from './error.ts';
import { readGeneral } from './grammar-general.ts';
import { readHelper } from './grammar-helper.ts';
import { readStats } from './grammar-stats.ts';
import { readSync } from './grammar-sync.ts';
import { resolve } from './resolve.ts';
import { Tokenizer } from './tokens.ts';

export interface ParsedConfig {
  readonly config: Config;
  /** In the order of the file; those about the file as a whole come last. */
  readonly warnings: readonly ConfigWarning[];
}

/**
 * Reads the text of a conntrackd.conf as conntrack-tools 1.4.7 reads it. `file` is for messages only. Bytes that are
 * no UTF-8 (here U+FFFD) are allowed in comments only.
 * @throws ConfigError, and nothing else, for what C refuses and for what could not work: numbers that C would let
 * wrap around, a link that lacks an address, a port or its interface, a text of more than 1 MiB characters.
 */
export function parseConfig(text: string, file: string): ParsedConfig {
  if (text.length > LIMITS.fileSize) {
    const size = `${text.length} characters`;
    throw refused(
      file,
      { line: 1, column: 1 },
      size,
      `the file has ${size}, the limit is ${LIMITS.fileSize}`,
    );
  }
  const cursor = new Cursor(new Tokenizer(text, file));
  const values = emptyClauseValues();
  const both =
    "cannot use both `Stats' and `Sync' clauses in conntrackd.conf: statistics need a daemon of their own, with its own file, LockFile and Path";
  cursor.wholeFile(
    new Map<string, Clause>([
      ['General', () => readGeneral(cursor, values)],
      [
        'Sync',
        (keyword) => {
          if (values.statsKeyword !== undefined) throw cursor.refuse(keyword, both);
          readSync(cursor, values);
          values.syncKeyword ??= keyword;
        },
      ],
      [
        'Stats',
        (keyword) => {
          if (values.syncKeyword !== undefined) throw cursor.refuse(keyword, both);
          readStats(cursor, values);
          values.statsKeyword ??= keyword;
        },
      ],
      [
        'Helper',
        (keyword) => {
          readHelper(cursor, values);
          values.helperKeyword ??= keyword;
        },
      ],
    ]),
  );
  const config = resolve(cursor, values);
  return { config, warnings: cursor.warnings };
}

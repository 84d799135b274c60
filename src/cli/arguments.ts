import { jsonForm, Request } from '../control/codes.ts';

/** Sub-commands. They count only as the first argument, and exactly. */
export const SUB_COMMANDS = [
  'decode',
  'delete',
  'doctor',
  'events',
  'genkey',
  'init',
  'list',
  'metrics',
  'role',
  'stats',
  'status',
  'top',
] as const;
export type SubCommand = (typeof SUB_COMMANDS)[number];

/** A command that needs a configuration, a daemon or files. */
export type Task =
  | {
      readonly kind: 'run';
      /** False: stay in the foreground and log to the console too. */
      readonly daemon: boolean;
      /** Path of the configuration file, where one is given. */
      readonly configuration?: string;
    }
  | {
      /** Ask the running daemon. */
      readonly kind: 'request';
      /** One of `Request`, possibly in its JSON form; -1 if the arguments name no action, which daemons ignore. */
      readonly request: number;
      readonly configuration?: string;
    }
  /** Ask the running daemon whether it has all that its peers have. */
  | { readonly kind: 'in-sync'; readonly configuration?: string }
  // Sub-commands in a word; their own arguments are for them to read.
  | { readonly kind: SubCommand; readonly rest: readonly string[] };

/** A command that is answered at once. */
export type Question =
  | { readonly kind: 'usage' | 'help' | 'version' | 'version-number' }
  | {
      /** The command line means nothing: an error message, after the usage where C prints that too. */
      readonly kind: 'refused';
      readonly message: string;
      readonly usage: boolean;
    };

/** What a command line asks for. */
export type Action = Task | Question;

export function isTask(action: Action): action is Task {
  return ['run', 'request', 'in-sync', ...SUB_COMMANDS].includes(action.kind);
}

export interface Command {
  readonly action: Action;
  /** Logged first, with priority warning. */
  readonly warnings: readonly string[];
}

/** Longest path of a configuration file that C keeps, in bytes. */
const PATH_MAX = 4096;

/** Per table: the requests of an option without a table, with `ct`, with `expect`. */
interface TableRequests {
  readonly all: number;
  readonly ct: number;
  readonly expect: number;
}

const TABLE_OPTIONS: Readonly<Record<string, TableRequests>> = {
  c: { all: Request.COMMIT_ALL, ct: Request.COMMIT_CT, expect: Request.COMMIT_EXPECT },
  i: { all: Request.DUMP_INTERNAL_CT, ct: Request.DUMP_INTERNAL_CT, expect: Request.DUMP_INTERNAL_EXPECT },
  e: { all: Request.DUMP_EXTERNAL_CT, ct: Request.DUMP_EXTERNAL_CT, expect: Request.DUMP_EXTERNAL_EXPECT },
  F: { all: Request.FLUSH_KERNEL_ALL, ct: Request.FLUSH_KERNEL_CT, expect: Request.FLUSH_KERNEL_EXPECT },
  R: { all: Request.RESYNC_KERNEL_ALL, ct: Request.RESYNC_KERNEL_CT, expect: Request.RESYNC_KERNEL_EXPECT },
};

const PLAIN_OPTIONS: Readonly<Record<string, number>> = {
  B: Request.SEND_BULK,
  t: Request.RESET_TIMERS,
  k: Request.KILL,
  n: Request.REQUEST_RESYNC,
};

/** The words of an option and their requests, in the order in which C tries them: the first that begins so wins. */
type WordRequests = readonly (readonly [string, number])[];

const FLUSH_WORDS: WordRequests = [
  ['internal', Request.FLUSH_INTERNAL],
  ['external', Request.FLUSH_EXTERNAL],
];

const STATISTICS_WORDS: WordRequests = [
  ['network', Request.STATISTICS_NETWORK],
  ['cache', Request.STATISTICS_CACHE],
  ['runtime', Request.STATISTICS_RUNTIME],
  ['multicast', Request.STATISTICS_LINK],
  ['link', Request.STATISTICS_LINK],
  ['rsqueue', Request.STATISTICS_RSQUEUE],
  ['process', Request.STATISTICS_PROCESS],
  ['queue', Request.STATISTICS_QUEUE],
  ['ct', Request.STATISTICS],
  ['expect', Request.STATISTICS_EXPECT],
];

const XML_FORMS: ReadonlyMap<number, number> = new Map([
  [Request.DUMP_INTERNAL_CT, Request.DUMP_INTERNAL_CT_XML],
  [Request.DUMP_EXTERNAL_CT, Request.DUMP_EXTERNAL_CT_XML],
  [Request.DUMP_INTERNAL_EXPECT, Request.DUMP_INTERNAL_EXPECT_XML],
  [Request.DUMP_EXTERNAL_EXPECT, Request.DUMP_EXTERNAL_EXPECT_XML],
]);

const USELESS_IN_SYNC = "`--in-sync' goes with `-s' alone";
const USELESS_JSON = "`--json' needs `-s', `-i', `-e' or `-c' before it";

/**
 * Reads the arguments (the program's name not among them) as C 1.4.9 does: the character after the dash is the option; words may
 * be cut short; what cannot go together is refused at the first conflict. C also takes the second character of a word without a
 * dash for an option, so that `status` resets the timers; we do not. Long options and sub-commands are ours. Never ends the
 * process, never prints.
 */
export function parseArguments(args: readonly string[]): Command {
  const word = SUB_COMMANDS.find((name) => name === args[0]);
  if (word !== undefined) return { action: { kind: word, rest: args.slice(1) }, warnings: [] };
  const warnings: string[] = [];
  return { action: parseOptions(args, warnings), warnings };
}

function invalid(): Action {
  return { kind: 'refused', message: 'Invalid parameters', usage: true };
}

function unknown(arg: string): Action {
  const hint = arg.startsWith('-')
    ? ''
    : ` (expected an option with its dash, or as the first word one of ${SUB_COMMANDS.join(', ')})`;
  return { kind: 'refused', message: `Unknown option: ${arg}${hint}`, usage: true };
}

function parseOptions(args: readonly string[], warnings: string[]): Action {
  let mode: 'daemon' | 'request' | undefined;
  let request = -1;
  let configuration: string | undefined;
  let asksInSync = false;

  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (!arg.startsWith('-')) return unknown(arg);
    const option = arg.charAt(1);
    // A word belongs to the option before it unless it begins with a dash.
    const next = args[at + 1];
    const word = next?.startsWith('-') ? undefined : next;

    if (option === 'v') return { kind: 'version' };
    if (option === 'h') return { kind: 'usage' };
    if (option === '-') {
      if (arg === '--help') return { kind: 'help' };
      if (arg === '--version') return { kind: 'version-number' };
      if (arg === '--in-sync') {
        asksInSync = true;
        continue;
      }
      if (arg !== '--json') return unknown(arg);
      const form = jsonForm(request);
      if (form === undefined) return { kind: 'refused', message: USELESS_JSON, usage: true };
      request = form;
      continue;
    }
    if (option === 'C') {
      if (next === undefined) {
        return { kind: 'refused', message: 'Missing config filename', usage: true };
      }
      configuration = cutPath(next, warnings);
      at++;
      continue;
    }
    if (option === 'x') {
      const form = XML_FORMS.get(request);
      if (form === undefined) return invalid();
      request = form;
      continue;
    }

    const wanted = option === 'd' ? 'daemon' : isRequest(option) ? 'request' : undefined;
    if (wanted === undefined) return unknown(arg);
    if (mode !== undefined && mode !== wanted) return invalid();
    mode = wanted;
    if (wanted === 'daemon') continue;

    const tables = TABLE_OPTIONS[option];
    if (tables !== undefined) {
      const chosen = tableRequest(tables, word);
      // As in C: a word that is no table leaves the action as it was; then it is refused as an option.
      if (chosen !== undefined) request = chosen;
      if (chosen !== undefined && word !== undefined) at++;
    } else if (option === 'f' || option === 's') {
      const chosen = wordRequest(option, word);
      if (chosen === undefined) {
        return {
          kind: 'refused',
          message: `unknown parameter \`${word}' for option \`-${option}'`,
          usage: false,
        };
      }
      if (option === 's' && word !== undefined && isMulticast(word)) {
        warnings.push("use `link' instead of `multicast' as parameter.");
      }
      request = chosen;
      if (word !== undefined) at++;
    } else {
      request = PLAIN_OPTIONS[option]!;
    }
  }

  const place = configuration === undefined ? {} : { configuration };
  if (asksInSync) {
    return request === Request.STATISTICS
      ? { kind: 'in-sync', ...place }
      : { kind: 'refused', message: USELESS_IN_SYNC, usage: true };
  }
  if (mode === 'request') return { kind: 'request', request, ...place };
  return { kind: 'run', daemon: mode === 'daemon', ...place };
}

function isRequest(option: string): boolean {
  return option in TABLE_OPTIONS || option in PLAIN_OPTIONS || option === 'f' || option === 's';
}

function tableRequest(tables: TableRequests, word: string | undefined): number | undefined {
  if (word === undefined) return tables.all;
  if ('ct'.startsWith(word)) return tables.ct;
  return 'expect'.startsWith(word) ? tables.expect : undefined;
}

function wordRequest(option: 'f' | 's', word: string | undefined): number | undefined {
  if (word === undefined) return option === 'f' ? Request.FLUSH_CACHES_ALL : Request.STATISTICS;
  const words = option === 'f' ? FLUSH_WORDS : STATISTICS_WORDS;
  return words.find(([name]) => name.startsWith(word))?.[1];
}

/** True for the old name of `-s link`, from when multicast was the only kind of link. */
function isMulticast(word: string): boolean {
  return word !== '' && 'multicast'.startsWith(word);
}

/** An empty path counts as none; one that is too long is cut, as in C. */
function cutPath(path: string, warnings: string[]): string | undefined {
  const bytes = Buffer.from(path);
  if (bytes.length > PATH_MAX) {
    warnings.push(`Path to config file to long. Cutting it down to ${PATH_MAX} characters`);
  }
  return path === ''
    ? undefined
    : bytes.length < PATH_MAX
      ? path
      : bytes.subarray(0, PATH_MAX - 1).toString();
}

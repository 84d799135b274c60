/** What a command's help says, read from the text that `--help` prints, so that no second list of options is kept. */
export interface Help {
  /** The words behind the program's name in the first line, such as `role [primary|backup|fault] [-C FILE]`. */
  readonly synopsis: string;
  /** What stands before the options, and what stands behind them, without line breaks inside a paragraph. */
  readonly about: string;
  readonly notes: string;
  readonly options: readonly HelpEntry[];
  /** Lines of the synopsis's words that are no options, such as `primary, commit ...`. */
  readonly words: readonly HelpEntry[];
  /** The words of a filter, where the command takes one. */
  readonly filter: readonly HelpEntry[];
  readonly examples: readonly string[];
}

/** One line of a help text: `--for TIME, how long to watch`. */
export interface HelpEntry {
  readonly name: string;
  /** What follows the name: `TIME`, `kernel|internal|external`, `[ct|expect]`, or nothing. */
  readonly argument: string;
  readonly help: string;
}

const FILTER_HEAD = 'FILTER is words';

/** @throws Error where the text has another shape */
export function parseHelp(text: string): Help {
  const [first, ...lines] = text.split('\n');
  const synopsis = /^Usage: conntrackd-ts (.+)$/.exec(first!)?.[1];
  if (synopsis === undefined) throw new Error(`found \`${first}', expected a line of usage`);
  const [main, examples = []] = splitAt(lines, (line) => /^Examples?:$/.test(line));
  const [own, filter = []] = splitAt(main, (line) => line.startsWith(FILTER_HEAD));
  const begin = own.findIndex(isEntry);
  const end = own.findLastIndex((line) => line.startsWith('  '));
  const entries = begin < 0 ? [] : parseEntries(own.slice(begin, end + 1));
  return {
    synopsis,
    about: joined(begin < 0 ? own : own.slice(0, begin)),
    notes: begin < 0 ? '' : joined(own.slice(end + 1)),
    options: entries.filter(({ name }) => name.startsWith('-')),
    words: entries.filter(({ name }) => !name.startsWith('-')),
    filter: filter.flatMap(parseFilterWord),
    examples: examples.filter((line) => line !== '').map((line) => line.slice(2)),
  };
}

/** The options of C's usage, and with `further` those that the full help has behind it, sub-commands left out. */
export function parseProgramOptions(text: string, further: string): readonly HelpEntry[] {
  const lines = `${text}${further}`.split('\n').filter((line) => /^ {2}-/.test(line));
  return parseEntries(lines);
}

/** A sub-command's line in the full help: what stands behind the comma. */
export function summaryOf(command: string, fullHelp: string): string {
  const line = fullHelp.split('\n').find((each) => new RegExp(`^  ${command}[ ,]`).test(each));
  const summary = line === undefined ? undefined : parseEntry(line)?.help;
  if (summary === undefined) throw new Error(`the help has no line about ${command}`);
  return summary;
}

/** The values that an argument chooses from, or none: `[ct|expect]`, `kernel|internal|external`. */
export function choicesOf(argument: string): readonly string[] {
  const inner = argument.replace(/^\[(.*)\]$/, '$1');
  return /^[a-z-]+(?:\|[a-z-]+)+$/.test(inner) ? inner.split('|') : [];
}

function isEntry(line: string): boolean {
  return /^ {2}\S/.test(line) && parseEntry(line) !== undefined;
}

function parseEntries(lines: readonly string[]): readonly HelpEntry[] {
  const entries: HelpEntry[] = [];
  for (const line of lines) {
    const entry = isEntry(line) ? parseEntry(line) : undefined;
    const last = entries.at(-1);
    if (entry !== undefined) entries.push(entry);
    else if (last !== undefined) entries.splice(-1, 1, { ...last, help: `${last.help} ${line.trim()}` });
  }
  return entries;
}

/** A comma with a space ends the argument: those within an argument, as in `FIELD[,FIELD]`, have none. */
function parseEntry(line: string): HelpEntry | undefined {
  const [, name, argument = '', help] = /^ *(\S+?)(?: +(.+?))?, (.+)$/.exec(line) ?? [];
  return name === undefined || help === undefined ? undefined : { name, argument, help };
}

/** `  src ADDRESS[/BITS]           who began it` */
function parseFilterWord(line: string): HelpEntry[] {
  const [, name, argument = '', help] = /^ {2}([a-z][a-z0-9-]*)(?: (\S+))? {2,}(\S.*)$/.exec(line) ?? [];
  return name === undefined || help === undefined ? [] : [{ name, argument, help }];
}

function splitAt(
  lines: readonly string[],
  isHead: (line: string) => boolean,
): [readonly string[], (readonly string[])?] {
  const at = lines.findIndex(isHead);
  return at < 0 ? [lines] : [lines.slice(0, at), lines.slice(at + 1)];
}

function joined(lines: readonly string[]): string {
  return lines.join(' ').replace(/\s+/g, ' ').trim();
}

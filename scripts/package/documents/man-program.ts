import type { HelpEntry } from './help-text.ts';
import type { CommandHelp, ProgramHelp } from './program-help.ts';
import { definition, heading, page, pageHead, paragraph, subheading, verbatim } from './roff.ts';

const FILES: readonly (readonly [string, string])[] = [
  ['/etc/conntrackd/conntrackd.conf', 'The configuration, as conntrackd.conf(5) describes it.'],
  ['/etc/conntrackd/conntrackd-ts.toml', 'Settings that C does not know, conntrackd-ts.toml(5).'],
  ['/var/run/conntrackd-ts', 'FIFOs through which commands are asked that start no Node.'],
  [
    '/usr/share/doc/conntrackd-ts/docs',
    'The manual: operations, failover, what to do when on call, and more.',
  ],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  [
    'CONNTRACKD_TS_RUN_DIR',
    'An absolute path instead of /var/run/conntrackd-ts, for the daemon and its clients; off: no FIFOs.',
  ],
  ['CONNTRACKD_TS_NODE', 'The Node binary; without it the one that came with the package, else node.'],
];

/** conntrackd-ts(8). What the commands are is what their help says. */
export function programPage({ options, longOptions, commands }: ProgramHelp, version: string): string {
  const filter = commands.find((command) => command.filter.length > 0)?.filter ?? [];
  return page([
    pageHead('CONNTRACKD-TS', 8, version),
    heading('NAME'),
    'conntrackd\\-ts \\- replicates the table of connection tracking to another firewall\n',
    heading('SYNOPSIS'),
    ...['[-d] [-C FILE]', 'OPTION [WORD] [-C FILE]', 'COMMAND [ARGUMENT]...'].map(
      (words, index) => `${index === 0 ? '' : '.br\n'}.B conntrackd\\-ts\n${words.replaceAll('-', '\\-')}\n`,
    ),
    heading('DESCRIPTION'),
    paragraph(
      "The daemon keeps the connections that a stateful firewall tracks on a second firewall, so that they outlive the first one. It speaks the protocol of netfilter's conntrackd(8), reads its configuration, takes its command line and answers its clients, so that a node of either kind replaces one of the other.",
    ),
    paragraph(
      'Options have their dash and are those of conntrackd(8). Everything beyond is a command in words, a long option, or a setting of conntrackd-ts.toml(5).',
    ),
    heading('OPTIONS'),
    ...options.map(entry),
    paragraph('Beyond C:'),
    ...longOptions.map(entry),
    heading('COMMANDS'),
    ...commands.map(commandSection),
    heading('FILTERS'),
    paragraph(
      'A filter is words that a flow has to meet, all of them. The words or, not and parentheses work; a value may be a list (dport 80,443). What is not known of a flow meets nothing, not even not.',
    ),
    ...filter.map(entry),
    heading('EXIT STATUS'),
    paragraph(
      'As with C: 0 where the request was carried out, 1 where it was not, with a line on standard error that says why. What a command reports with its exit code stands at the command.',
    ),
    heading('ENVIRONMENT'),
    ...ENVIRONMENT.map(([name, meaning]) => definition(name, '', meaning)),
    heading('FILES'),
    ...FILES.map(([name, meaning]) => definition(name, '', meaning)),
    heading('SEE ALSO'),
    '.BR conntrackd\\-ts.toml (5),\n.BR conntrackd (8),\n.BR conntrackd.conf (5),\n.BR conntrack (8),\n.BR keepalived (8),\n.BR nft (8)\n',
  ]);
}

function entry({ name, argument, help }: HelpEntry): string {
  return definition(name, argument, help);
}

function commandSection({ synopsis, about, words, options, notes, examples }: CommandHelp): string {
  return [
    subheading(synopsis),
    paragraph(about),
    ...words.map(entry),
    ...options.map(entry),
    paragraph(notes),
    examples.length === 0 ? '' : verbatim(examples),
  ].join('');
}

import { SECTIONS } from '../../../src/settings/schema.ts';
import { definition, heading, page, pageHead, paragraph, subheading, verbatim } from './roff.ts';

/** conntrackd-ts.toml(5). Which settings there are, and what each takes, is what the program checks them against. */
export function settingsPage(version: string): string {
  const sections = Object.entries(SECTIONS).map(([name, { help, keys, required }]) =>
    [
      subheading(`[${name}]`),
      paragraph(help),
      ...Object.entries(keys).map(([key, setting]) =>
        definition(
          key,
          '',
          `${setting.help} Takes ${setting.expected.replace(/,$/, '')}${required.includes(key) ? '; the section needs it' : ''}. For example: ${key} = ${setting.example}`,
        ),
      ),
    ].join(''),
  );
  return page([
    pageHead('CONNTRACKD-TS.TOML', 5, version),
    heading('NAME'),
    "conntrackd\\-ts.toml \\- settings of conntrackd\\-ts that C's conntrackd does not know\n",
    heading('DESCRIPTION'),
    paragraph(
      'The file lies beside the configuration, under its name: conntrackd.conf has conntrackd-ts.toml, fw1.conf has fw1-ts.toml. Without it the daemon does what conntrackd(8) does, but that UDP and TCP links take what their destination sends alone. It is read once, at the start.',
    ),
    paragraph(
      'It is TOML 1.0: sections in brackets, a key and a value a line, comments behind #. A mistake keeps the daemon from starting, with a line that names the place, what was found and what is expected.',
    ),
    heading('SETTINGS'),
    ...sections,
    heading('EXAMPLE'),
    verbatim(['[failover]', 'keepalived_fifo = "/run/conntrackd-ts.fifo"', 'group = "G1"']),
    heading('SEE ALSO'),
    '.BR conntrackd\\-ts (8),\n.BR conntrackd.conf (5),\n.BR keepalived.conf (5)\n',
  ]);
}

/** What `npm run interop -- --json` writes. */

import { document, list, object, oneOf, optional, schemaVersion, seconds, text } from './kit.mjs';

const mode = oneOf('the mode of both nodes', 'ftfw', 'notrack', 'alarm');
const link = oneOf('the dedicated link', 'udp', 'multicast', 'tcp');

export const interop = document(
  'interop',
  '`npm run interop -- --json FILE`',
  object('a grid', {
    schema: schemaVersion,
    begun: { type: 'string', format: 'date-time', description: 'ISO 8601, UTC, with milliseconds' },
    seconds: seconds('that it took'),
    machine: object('where it was played', {
      kernel: text('release of the kernel'),
      architecture: text('as Node names it'),
      node: text('version of the Node that played it'),
    }),
    nodes: list(
      'who took part',
      object('a node', {
        name: text('as `--node` gives it'),
        path: text('of the program, or of the folder of a build of ours'),
        version: text('as the program prints it with `-v`; else `version unknown`, and why'),
      }),
    ),
    cases: list(
      'what was played',
      object('a case', {
        letter: text('one character'),
        name: text('as `--only` takes it'),
        sentence: text('what is shown when it passes'),
      }),
    ),
    modes: list('in which modes', mode),
    links: list('over which links', link),
    results: list(
      'one for each case in each mode over each link between each ordered pair',
      object('a result', {
        case: text('its name'),
        mode,
        link,
        primary: text('name of a node'),
        backup: text('name of a node'),
        verdict: oneOf('what became of it', 'pass', 'fail', 'unsupported'),
        reason: optional(text('why it failed, or is unsupported')),
        seconds: seconds('that it took'),
        evidence: optional(text('the folder with logs, configurations and captures')),
      }),
    ),
  }),
);

import { parseArgs } from 'node:util';
import { countIn, namesIn } from '../arguments.ts';
import { type NodeSpec, nodeSpecsIn } from './node-spec.ts';
import { casesIn } from './registry.ts';
import { LINKS, type Link, MODES, type Mode } from './setting.ts';
import type { TestCase } from './test-case.ts';

export interface GridOptions {
  readonly nodes: readonly NodeSpec[];
  readonly cases: readonly TestCase[];
  readonly modes: readonly Mode[];
  readonly links: readonly Link[];
  /** Cases at the same time. */
  readonly jobs: number;
  /** Seconds after which a case has failed. */
  readonly timeoutSeconds: number;
  /** The folder below which each run keeps what is to see of failures. */
  readonly out: string;
  /** Whether something is kept of what passed, too. */
  readonly isAllKept: boolean;
  /** The files to write; undefined for those not asked for. */
  readonly files: Readonly<Record<FileKind, string | undefined>>;
}

export const FILE_KINDS = ['json', 'junit', 'html', 'markdown'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/** What is asked for on the command line. */
export type GridCommand =
  | { readonly kind: 'help' | 'list' }
  | { readonly kind: 'run'; readonly options: GridOptions };

export const USAGE = `npm run interop -- [options]
  --node NAME=PATH   a node: a conntrackd, a JavaScript file, or a folder with a build of conntrackd-ts; any number of times.
                     \`ours' alone is this build, \`c' alone the conntrackd of CONNTRACKD or PATH (both, if no node is named)
  --only NAMES       these cases only: names with commas between
  --modes NAMES      of ${MODES.join(', ')} (all)
  --links NAMES      of ${LINKS.join(', ')} (all)
  --jobs N           cases at the same time (2)
  --timeout N        seconds after which a case has failed (90)
  --out DIR          where logs, configurations and captures of what failed are kept, in a folder for each run (out/interop)
  --keep             keeps them of what passed, too
  --json FILE        writes all results as JSON
  --junit FILE       writes them as JUnit XML
  --html FILE        writes the grid as one HTML file
  --markdown FILE    writes the grid as Markdown
  --list             names the cases and says what each shows
  --help             prints this

Every case is played over every link in every mode, for every ordered pair of nodes, a node with itself included. Exit code 1 if
something failed, or a node passed nothing; 2 if an option is wrong.`;

/** @throws Error with a one-line message if the arguments are unknown */
export function parseGridArguments(args: readonly string[]): GridCommand {
  const { values } = parseArgs({
    args: [...args],
    options: {
      node: { type: 'string', multiple: true, default: ['c', 'ours'] },
      only: { type: 'string' },
      modes: { type: 'string' },
      links: { type: 'string' },
      jobs: { type: 'string', default: '2' },
      timeout: { type: 'string', default: '90' },
      out: { type: 'string', default: 'out/interop' },
      keep: { type: 'boolean', default: false },
      json: { type: 'string' },
      junit: { type: 'string' },
      html: { type: 'string' },
      markdown: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  if (values.list) return { kind: 'list' };
  const { json, junit, html, markdown } = values;
  return {
    kind: 'run',
    options: {
      cases: casesIn(values.only),
      modes: namesIn('modes', values.modes, MODES),
      links: namesIn('links', values.links, LINKS),
      jobs: countIn('jobs', values.jobs),
      timeoutSeconds: countIn('timeout', values.timeout),
      out: values.out,
      isAllKept: values.keep,
      files: { json, junit, html, markdown },
      nodes: nodeSpecsIn(values.node),
    },
  };
}

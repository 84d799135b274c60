import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import { FlowRemoval } from '../../kernel/listing/flow-removal.ts';
import type { OutputStreams } from '../options/shared-options.ts';
import { atMostOne, flowContext, readArguments, runFlowCommand, TextOutput } from './command.ts';
import { WordError } from './filter/error.ts';
import { FILTER_HELP } from './filter/help.ts';
import { type FlowFilter, parseFilter, passes } from './filter/parse.ts';
import { conntrackLine } from './flow-text.ts';
import { FlowsOnce } from './flows-once.ts';
import { kernelSource } from './sources.ts';

const USAGE = `Usage: conntrackd-ts delete FILTER [--yes|--dry-run] [--quiet]
Deletes flows from the kernel's table, prints each as conntrack -D does, and how many there were. On a terminal it asks first.
  --yes, delete without asking
  --dry-run, print what would be deleted, and delete nothing
  --quiet, print how many alone

${FILTER_HELP}
Examples:
  conntrackd-ts delete src 192.0.2.7 --dry-run
  conntrackd-ts delete src 192.0.2.7 or dst 192.0.2.7 --yes
  conntrackd-ts delete all --yes --quiet
`;

const OPTIONS = {
  yes: { type: 'boolean', short: 'y' },
  'dry-run': { type: 'boolean', short: 'n' },
  quiet: { type: 'boolean', short: 'q' },
} as const;

/** Where a person can be asked. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean };
}

/** Takes what nobody wants to see. */
const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });

/** Asks a question that only `y` and `yes` agree to; the end of the input does not. */
async function isConfirmed(question: string, input: Readable, output: Writable): Promise<boolean> {
  const lines = createInterface({ input, output, terminal: false });
  try {
    output.write(question);
    for await (const line of lines) return /^y(es)?$/i.test(line.trim());
    return false;
  } finally {
    lines.close();
  }
}

function flowsText(count: number): string {
  return count === 1 ? '1 flow' : `${count} flows`;
}

/** `delete FILTER [OPTION]...` Resolves to the exit code: 1 where nothing was done. */
export function runDelete(args: readonly string[], streams: OutputStreams & Terminal): Promise<0 | 1> {
  return runFlowCommand('delete', USAGE, args, streams, () => deleteFlows(args, streams));
}

async function deleteFlows(
  args: readonly string[],
  { stdin, stdout, stderr }: OutputStreams & Terminal,
): Promise<0 | 1> {
  const { values, positionals } = readArguments(args, OPTIONS);
  atMostOne(values, 'yes', 'dry-run');
  const filter = parseFilter(positionals);
  if (filter.isEmpty)
    throw new WordError("found no filter, expected which flows to delete, or `all' for every flow");
  const output = new TextOutput(values.quiet ? nowhere : stdout);
  if (values['dry-run']) {
    const count = await showFlows(filter, output);
    stderr.write(`${flowsText(count)} would be deleted; nothing was\n`);
    return 0;
  }
  if (!values.yes) {
    if (stdin.isTTY !== true)
      throw new WordError('there is no terminal to ask on: add --yes to delete, or --dry-run to look');
    const count = await showFlows(filter, output);
    if (!(await isConfirmed(`Delete ${flowsText(count)}? [y/N] `, stdin, stderr))) {
      stderr.write('nothing was deleted\n');
      return 1;
    }
  }
  // What was shown to be confirmed need not be shown again.
  const { removed, gone } = await removeFlows(filter, values.yes ? output : new TextOutput(nowhere));
  const ended = gone === 0 ? '' : `, ${gone} had ended before`;
  stderr.write(`${flowsText(removed)} deleted${ended}\n`);
  return 0;
}

/** Prints the flows that pass; resolves to their number. */
async function showFlows(filter: FlowFilter, output: TextOutput): Promise<number> {
  const context = flowContext();
  const shown = new FlowsOnce();
  let count = 0;
  await kernelSource(filter.kernel, {
    take(flow) {
      if (!passes(filter, flow, context) || shown.isAgain(flow)) return;
      count++;
      output.add(conntrackLine(flow, context));
    },
    restarted: () => shown.restarted(),
    async pause() {
      await output.flush();
      return false;
    },
  });
  return count;
}

interface Removal {
  readonly removed: number;
  readonly gone: number;
}

/** Removes the flows that pass while it reads the table, and prints each that it removed. */
async function removeFlows(filter: FlowFilter, output: TextOutput): Promise<Removal> {
  const context = flowContext();
  const removal = new FlowRemoval();
  let lines: string[] = [];
  let removed = 0;
  let gone = 0;
  const run = () => {
    const answers = removal.run();
    for (let n = 0; n < answers.length; n++) {
      if (!answers[n]) gone++;
      else {
        removed++;
        output.add(lines[n]!);
      }
    }
    lines = [];
  };
  try {
    await kernelSource(filter.kernel, {
      take(flow, bytes) {
        if (!passes(filter, flow, context)) return;
        removal.addLast(flow, bytes);
        lines.push(conntrackLine(flow, context));
        if (removal.isFull) run();
      },
      // What waits to be removed would come once more.
      restarted: run,
      async pause() {
        await output.flush();
        return false;
      },
    });
    run();
    await output.flush();
    return { removed, gone };
  } finally {
    removal.close();
  }
}

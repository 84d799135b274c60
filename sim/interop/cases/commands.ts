/** What the client of either program asks of a daemon of the other. */

import { type ConntrackdNode, type Program, tcpLoad, until } from '../../netns/lab.ts';
import { differenceOf, untilEqual } from '../check.ts';
import type { TestCase } from '../test-case.ts';

const FLOWS = 50;

/** Requests that change nothing. */
const READING: readonly (readonly string[])[] = [
  ['-i'],
  ['-i', '-x'],
  ['-e'],
  ['-e', '-x'],
  ['-s'],
  ['-s', 'network'],
  ['-s', 'cache'],
  ['-s', 'runtime'],
  ['-s', 'link'],
  ['-s', 'queue'],
  ['-i', 'expect'],
  ['-e', 'expect'],
];

/** An answer without what changes between two requests: ages, and counters. */
function lasting(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/\[(?:active|inactive|last|expires)[^\]]*\]/g, ''))
    .map((line) =>
      /src=|<flow>/.test(line) ? line : line.replace(/\d+/g, 'N').replace(/[A-Z]\w\w N N:N:N N/, 'DATE'),
    )
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .sort();
}

async function ask(node: ConntrackdNode, program: Program, args: readonly string[]): Promise<string> {
  const { code, signal, stdout, stderr } = await node.client(args, { program });
  if (code === 0) return stdout;
  throw new Error(`${args.join(' ')}: ${signal ?? `exit code ${code}`}: ${(stderr || stdout).trim()}`);
}

async function compareAnswers(
  who: string,
  node: ConntrackdNode,
  own: Program,
  other: Program,
): Promise<void> {
  for (const args of READING) {
    const expected = lasting(await ask(node, own, args));
    const difference = differenceOf(expected, lasting(await ask(node, other, args)));
    if (difference !== '') throw new Error(`${who}, the other's client, ${args.join(' ')}: ${difference}`);
  }
}

export const commands: TestCase = {
  letter: 'K',
  name: 'commands',
  sentence:
    "each node's client reads the other's caches and statistics, and commits, flushes, resyncs and ends it",
  async play(stage) {
    const { primary, backup, setting } = stage;
    const [first, second] = [setting.primary.program, setting.backup.program];
    await primary.load(tcpLoad(FLOWS));
    await stage.start();
    const [atPrimary, atBackup] = [primary.node(), backup.node()];
    if (setting.mode === 'alarm') await untilEqual(primary, backup);
    else {
      await ask(atPrimary, second, ['-B']);
      await untilEqual(primary, backup);
    }
    await compareAnswers('primary', atPrimary, first, second);
    await compareAnswers('backup', atBackup, second, first);

    await ask(atBackup, first, ['-c']);
    await until('the flows in the kernel of the backup', async () => (await backup.flowCount()) >= FLOWS);
    await ask(atPrimary, second, ['-f', 'internal']);
    await atPrimary.untilSize('internal', 0);
    await ask(atPrimary, second, ['-R']);
    await atPrimary.untilSize('internal', FLOWS);
    if (setting.mode !== 'alarm') {
      await ask(atBackup, first, ['-f', 'external']);
      await ask(atBackup, first, ['-n']);
      await untilEqual(primary, backup);
    }
    await ask(atBackup, first, ['-t']);
    for (const [who, node, program] of [
      ['primary', atPrimary, second],
      ['backup', atBackup, first],
    ] as const) {
      await ask(node, program, ['-k']);
      await until(`the end of the ${who} after -k`, () => !node.running());
    }
  },
};

import { beforeAll, describe, expect, test } from 'vitest';
import { cProgram, type Lab, missingForLab, sampleFlows, until, withLab } from '../../sim/netns/lab.ts';
import { ourProgram, PAIRS } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

/** The lines of a cache without the age, sorted. */
async function cacheLines(lab: Lab, side: 'a' | 'b', option: '-i' | '-e'): Promise<string[]> {
  const text = await lab[side].node().command(option);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/ \[active since \d+s\]$/, ''))
    .sort();
}

/** The kernel's number of a flow differs from kernel to kernel. */
async function xmlLines(lab: Lab, side: 'a' | 'b', option: '-i' | '-e'): Promise<string[]> {
  const text = await lab[side].node().command(option, '-x');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/<id>\d+<\/id>/, '<id>0</id>'))
    .sort();
}

interface Seen {
  readonly internal: readonly string[];
  readonly external: readonly string[];
  readonly internalXml: readonly string[];
  readonly externalXml: readonly string[];
  /** The backup's kernel after a commit. */
  readonly committed: readonly string[];
}

/** Two flows of a sample differ only in keys that do not travel: the backup cannot tell them apart. */
const MERGED = 1;

/** Runs all sample flows through a pair and returns what each place then holds. */
async function observe(primary: typeof cProgram, backup: typeof cProgram): Promise<Seen> {
  return withLab({}, async (lab) => {
    await lab.startNodes({ a: { program: primary }, b: { program: backup } });
    const samples = sampleFlows();
    for (const sample of samples) await lab.a.conntrack(...sample.arguments);
    await lab.a.node().untilSize('internal', samples.length);
    await lab.b.node().untilSize('external', samples.length - MERGED);
    await until(
      'all flows are acknowledged',
      async () => (await lab.a.node().command('-s', 'rsqueue')).includes('len=0') || undefined,
      5_000,
    ).catch(() => undefined);
    const [internal, external, internalXml, externalXml] = await Promise.all([
      cacheLines(lab, 'a', '-i'),
      cacheLines(lab, 'b', '-e'),
      xmlLines(lab, 'a', '-i'),
      xmlLines(lab, 'b', '-e'),
    ]);
    await lab.b.node().command('-c');
    const committed = (await lab.b.flows()).map((flow) => flow.text);
    return { internal, external, internalXml, externalXml, committed };
  });
}

describe('over the list of sample flows', () => {
  test('every place holds the same, entry by entry, whoever runs there', async () => {
    const reference = await observe(cProgram, cProgram);
    expect(reference.external.length).toBe(sampleFlows().length - MERGED);
    for (const pair of PAIRS) {
      const seen = await observe(pair.primary, pair.backup);
      expect(seen.internal, `${pair.name}: internal cache`).toEqual(reference.internal);
      expect(seen.external, `${pair.name}: external cache`).toEqual(reference.external);
      expect(seen.internalXml, `${pair.name}: internal cache as XML`).toEqual(reference.internalXml);
      expect(seen.externalXml, `${pair.name}: external cache as XML`).toEqual(reference.externalXml);
      expect(seen.committed, `${pair.name}: kernel after the commit`).toEqual(reference.committed);
    }
  });

  test('either client reads either daemon', async () => {
    await withLab({}, async (lab) => {
      await lab.startNodes({ a: { program: ourProgram }, b: { program: cProgram } });
      for (const sample of sampleFlows()) await lab.a.conntrack(...sample.arguments);
      await lab.b.node().untilSize('external', sampleFlows().length - MERGED);
      for (const side of ['a', 'b'] as const) {
        const node = lab[side].node();
        for (const args of [
          ['-i'],
          ['-e'],
          ['-s'],
          ['-s', 'cache'],
          ['-s', 'network'],
          ['-s', 'link'],
          ['-s', 'queue'],
        ]) {
          const answers = await Promise.all(
            [cProgram, ourProgram].map(async (program) => node.client(args, { program })),
          );
          for (const { code, stderr } of answers) expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
          const [theirs, ours] = answers.map(({ stdout }) => stdout.replace(/\d+/g, '0').replace(/ +/g, ' '));
          expect(theirs).not.toBe(args[0] === '-e' || (args[0] === '-i' && side === 'b') ? undefined : '');
          expect(ours, `${side} ${args.join(' ')}`).toBe(theirs);
        }
      }
    });
  });
});

import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { missingForLab, tcpLoad, withLab } from '../../sim/netns/lab.ts';
import { runOrThrow } from '../../sim/netns/process.ts';
import { ourProgram } from '../interop/programs.ts';

/** The limit is one for the machine, which is a virtual one here; each namespace has its own count. */
const MAX = 'net.netfilter.nf_conntrack_max';
const LIMIT = 1000;
/** Of both firewalls together more than the limit. Nothing makes room for an assured flow. */
const OF_A = 700;
const OF_B = 600;

let before: string;

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

beforeEach(async () => {
  before = (await runOrThrow('sysctl', ['-n', MAX])).trim();
  await runOrThrow('sysctl', ['-qw', `${MAX}=${LIMIT}`]);
});

afterEach(async () => {
  await runOrThrow('sysctl', ['-qw', `${MAX}=${before}`]);
});

test('a commit into a full table says how many flows found no room, and takes them when there is room', async () => {
  await withLab({}, async (lab) => {
    const configuration = { mode: 'FTFW' } as const;
    await lab.startNodes({
      a: { program: ourProgram, configuration },
      b: { program: ourProgram, configuration },
    });
    await lab.a.load(tcpLoad(OF_A));
    await lab.b.load(tcpLoad(OF_B, { first: 100_000 }));
    const node = lab.b.node();
    await node.untilSize('external', OF_A);

    const commit = await node.client(['-c', '--json']);
    const answer = JSON.parse(commit.stdout);
    expect(answer).toMatchObject({ kind: 'done', complete: true });
    expect(answer.failed).toBeGreaterThan(0);
    expect(answer.committed + answer.failed).toBe(OF_A);
    expect(await lab.b.flowCount()).toBeLessThanOrEqual(LIMIT + 1);
    expect(node.log()).toContain(`${answer.failed} entries can't be committed`);
    // As C's: a script that does not ask goes on.
    expect(await node.client(['-c'])).toMatchObject({ code: 0 });
    const { runtime } = JSON.parse(await node.command('-s', 'runtime', '--json'));
    expect(runtime.commitFailed).toBeGreaterThanOrEqual(answer.failed);

    // What found no room has stayed in the external cache.
    await lab.b.conntrack('-F');
    await node.command('-c');
    expect(await lab.b.flowCount()).toBe(OF_A);
  });
});

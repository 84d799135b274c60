import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { missingForLab, tcpLoad, withLab } from '../../sim/netns/lab.ts';
import { runOrThrow } from '../../sim/netns/process.ts';
import type { Finding } from '../../src/diagnosis/finding.ts';
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

test('the doctor sees a table that drops packets, or flows for others, and what it advises cures that', async () => {
  await withLab({}, async (lab) => {
    const { b } = lab;
    await b.start({ program: ourProgram });
    const examine = async (...traffic: readonly string[]): Promise<Finding[]> => {
      const words = [...ourProgram.args, 'doctor', '--for', '3s', '--json'];
      const looking = b.namespace.run(ourProgram.command, [...words, '-C', b.node().paths.configuration]);
      // What finds no room is refused, which is what is looked for.
      for (const line of traffic) await b.namespace.run('conntrack', line.split(' '));
      const { findings } = JSON.parse((await looking).stdout) as { findings: readonly Finding[] };
      return findings.filter(({ level }) => level === 'problem');
    };
    const udp = (port: number) => `-I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport ${port} --dport 9 -t 99`;
    const more = (first: number) => Array.from({ length: 40 }, (_, n) => udp(first + n));

    // Nothing makes room for assured flows.
    await b.load(tcpLoad(LIMIT));
    const [full, dropping] = await examine(...more(1000));
    expect(full).toMatchObject({ check: 'connection table', level: 'problem' });
    expect(dropping).toMatchObject({ check: 'drops', level: 'problem' });
    expect(dropping!.found).toMatch(/^\d+ packets were dropped .*: the table is full$/);

    // Flows that are not assured make room.
    await b.conntrack('-F');
    await b.load(Array.from({ length: LIMIT }, (_, n) => udp(5000 + n)));
    const evicting = (await examine(...more(1000))).find(({ check }) => check === 'drops');
    expect(evicting!.found).toMatch(/^\d+ flows were dropped for new ones .*\(early_drop\)/);

    // Its command is for the first network namespace.
    for (const command of evicting!.commands!) await runOrThrow('sh', ['-ec', command]);
    expect((await runOrThrow('sysctl', ['-n', MAX])).trim()).toBe(String(2 * LIMIT));
    expect(await examine(...more(2000))).toEqual([]);
  });
});

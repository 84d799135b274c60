import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { missingForLab, tcpLoad, withLab } from '../../sim/netns/lab.ts';
import { runOrThrow } from '../../sim/netns/process.ts';
import type { Finding } from '../../src/diagnosis/finding.ts';
import { ourProgram } from '../interop/programs.ts';

/** The limit is one for the machine, which is a virtual one here; each namespace has its own count. */
const MAX = 'net.netfilter.nf_conntrack_max';
const LIMIT = 1000;

let before: string;

beforeAll(() => {
  expect(missingForLab([])).toEqual([]);
});

beforeEach(async () => {
  before = (await runOrThrow('sysctl', ['-n', MAX])).trim();
  await runOrThrow('sysctl', ['-qw', `${MAX}=${LIMIT}`]);
});

afterEach(async () => {
  await runOrThrow('sysctl', ['-qw', `${MAX}=${before}`]);
});

/** A new flow with each packet, to the side of the clients; what finds no room is refused, which is what is looked for. */
const FLOWS = 'do echo x > /dev/udp/192.168.10.1/9; done 2>/dev/null';

test('the doctor sees a full table drop packets, and flows for others, and what it advises cures that', async () => {
  await withLab({}, async (lab) => {
    const { b } = lab;
    /** What it says of drops while flows begin. */
    const examine = async (loop: string): Promise<readonly Finding[]> => {
      const traffic = await b.namespace.start('bash', ['-c', `${loop}; ${FLOWS}`]);
      const words = [...ourProgram.args, 'doctor', '--for', '2s', '--json'];
      const { stdout } = await b.namespace.run(ourProgram.command, [...words, '-C', '/nowhere']);
      await traffic.stop('SIGKILL');
      const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
      return findings.filter(({ check }) => check === 'drops');
    };

    // Nothing makes room for assured flows.
    await b.load(tcpLoad(LIMIT));
    const [dropping] = await examine('while :');
    expect(dropping!.found).toMatch(/^\d+ packets were dropped .*: the table is full$/);

    // Flows that are not assured make room, where they are in buckets near that of the new one.
    await b.conntrack('-F');
    await b.load(
      Array.from(
        { length: LIMIT },
        (_, n) => `-I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport ${n + 1} --dport 9 -t 99`,
      ),
    );
    const evicting = await examine('while :');
    expect(evicting[0]!.found).toMatch(/^\d+ flows were dropped for new ones .*\(early_drop\)/);

    // Its command is for the first network namespace.
    for (const command of evicting[0]!.commands!) await runOrThrow('sh', ['-ec', command]);
    expect((await runOrThrow('sysctl', ['-n', MAX])).trim()).toBe(String(2 * LIMIT));
    expect(await examine('for n in {1..200}')).toMatchObject([{ level: 'ok' }]);
  });
});

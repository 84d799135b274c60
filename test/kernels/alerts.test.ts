import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { missingForLab, tcpLoad, withLab } from '../../sim/netns/lab.ts';
import { runOrThrow } from '../../sim/netns/process.ts';
import { prometheusPrograms, startPrometheus } from '../../sim/netns/prometheus.ts';
import {
  consoles,
  quickRules,
  runSubCommand,
  startMeteredPair,
  untilFiring,
} from '../interop/metered-pair.ts';

/** The limit is one for the machine, which is a virtual one here; each namespace has its own count. */
const MAX = 'net.netfilter.nf_conntrack_max';
const LIMIT = 1000;

/** A new flow with each packet, to the side of the clients. */
const NEW_FLOWS = 'while :; do echo x > /dev/udp/192.168.10.1/9; done 2>/dev/null';

let before: string;

beforeAll(() => {
  expect(missingForLab(['busybox'])).toEqual([]);
});

beforeEach(async () => {
  before = (await runOrThrow('sysctl', ['-n', MAX])).trim();
  await runOrThrow('sysctl', ['-qw', `${MAX}=${LIMIT}`]);
});

afterEach(async () => {
  await runOrThrow('sysctl', ['-qw', `${MAX}=${before}`]);
});

test('a full table raises its alerts, and a commit into it', async () => {
  await withLab({}, async (lab) => {
    const { a, b } = lab;
    const targets = await startMeteredPair(lab);
    const prometheus = await startPrometheus(a.namespace, await prometheusPrograms(), {
      targets,
      rules: quickRules(),
      consoles,
      directory: lab.directory,
    });
    await a.load(tcpLoad(700));
    await b.load(tcpLoad(950, { first: 100_000 }));
    await untilFiring(prometheus, 'ConntrackTableFillsSoon');
    await b.node().untilSize('external', 700);
    expect(await runSubCommand(b, 'role', 'primary')).toMatchObject({ code: 1 });
    await untilFiring(prometheus, 'ConntrackdCommitFailed', 'ConntrackdRoleIncomplete');
    // The kernel counts what packets do not get, and not what a request does not get.
    await b.namespace.start('bash', ['-c', NEW_FLOWS]);
    await untilFiring(prometheus, 'ConntrackDropping');
  });
});

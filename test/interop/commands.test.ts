import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';

import {
  type ConfigurationOptions,
  type ConntrackdNode,
  cProgram,
  type Lab,
  missingForLab,
  type Program,
  sampleFlows,
  tcpLoad,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import { requestBytes } from '../../src/control/client.ts';
import { Request } from '../../src/control/codes.ts';
import { answerOf, type Client, CommandRecord, type Step } from './command-record.ts';
import { ourProgram } from './programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

interface Row {
  readonly name: string;
  readonly configuration: ConfigurationOptions;
  /** Our client knows nothing of modes: it is tried in one of them. */
  readonly clients: readonly Client[];
  /**
   * Whether there are caches. Else all goes from kernel to kernel, where the C node fails on translated flows and holds
   * back the last datagram: the peer then has no flows, and the number of flows is no matter.
   */
  readonly caches: boolean;
}

const MODES: readonly Row[] = [
  { name: 'FT-FW', configuration: { mode: 'FTFW' }, clients: ['c'], caches: true },
  {
    name: 'FT-FW with expectations',
    configuration: { mode: 'FTFW', inOptions: ['ExpectationSync on'] },
    clients: ['c', 'ours'],
    caches: true,
  },
  {
    name: 'NOTRACK with expectations',
    configuration: { mode: 'NOTRACK', inOptions: ['ExpectationSync on'] },
    clients: ['c'],
    caches: true,
  },
  {
    name: 'NOTRACK without caches',
    configuration: { mode: 'NOTRACK', inMode: ['DisableInternalCache on', 'DisableExternalCache on'] },
    clients: ['c'],
    caches: false,
  },
  // Refreshes come at random, but not while the test runs.
  {
    name: 'ALARM',
    configuration: { mode: 'ALARM', inMode: ['RefreshTime 100000'] },
    clients: ['c'],
    caches: true,
  },
  { name: 'Stats', configuration: { mode: 'Stats' }, clients: ['c'], caches: true },
];

/** All commands, played to a node of this program. */
function play(program: Program, { configuration, clients, caches }: Row) {
  const logsBulk = caches && (configuration.mode === 'FTFW' || configuration.mode === 'NOTRACK');
  return withLab({ ftp: true }, async (lab) => {
    const record = new CommandRecord(lab);
    const begun = await record.prepare(program, configuration, caches);
    const steps = await record.play(clients);
    const resync = await record.peer('-n', logsBulk ? 'sending bulk update' : undefined);
    steps.push(...(await record.kill(clients, program, configuration)));
    return { begun, steps, resync };
  });
}

/**
 * What ours logs of what it does by itself where it or a C node may lack something: in NOTRACK at whatever time, in FT-FW once it
 * has read its kernel's table again after a flush, which may have emptied the external caches as well.
 */
const BY_ITSELF: Readonly<Record<string, readonly string[]>> = {
  FTFW: ['[notice] resync requested'],
  NOTRACK: ['[notice] resync requested', '[notice] sending bulk update'],
};

/** The lines of a log without those of {@link BY_ITSELF} that C's log does not have. */
function asCommanded(
  { configuration }: Row,
  log: readonly string[] | undefined,
  cLog: readonly string[] | undefined,
): readonly string[] | undefined {
  const byItself = BY_ITSELF[configuration.mode ?? ''] ?? [];
  const wanted = [...(cLog ?? [])];
  return log?.filter((line) => {
    const at = wanted.indexOf(line);
    if (at >= 0) wanted.splice(at, 1);
    return at >= 0 || !byItself.includes(line);
  });
}

/**
 * A line of a dump without the mark 0 of the FTP flow. The kernel names that in dumps and in no event, and ours reads the flow
 * again for its shifted sequence numbers.
 */
const withoutZeroMark = (line: string): string =>
  line.replace(' mark=0 helper=ftp', ' helper=ftp').replace(/<mark>0<\/mark>(?=.*<helper>ftp)/, '');

/** What must be equal of a step in this row, and of the C node's. */
const comparable = (row: Row, { command, client, outcome }: Step, { outcome: c }: Step) => ({
  command,
  client,
  outcome: {
    ...outcome,
    stdout: outcome.stdout.map(withoutZeroMark),
    log: asCommanded(row, outcome.log, c.log),
    ...(!row.caches && { state: undefined }),
  },
});

const EVENT_LOOP = '[info] event loop: direct polling';

const answer = ({ outcome: { code, stdout, stderr } }: Step) => ({ code, stdout, stderr });

describe.each(MODES)('every command, $name', (row) => {
  test('has the same answer, exit code, log and effect, whoever asks and whoever answers', async () => {
    const [c, ours] = await Promise.all([play(cProgram, row), play(ourProgram, row)]);
    expect(c.steps.length).toBeGreaterThan(40);
    expect(c.steps.flatMap(({ outcome }) => outcome.stdout).length).toBeGreaterThan(100);
    for (const [at, step] of c.steps.entries()) {
      expect.soft(comparable(row, ours.steps[at]!, step)).toEqual(comparable(row, step, step));
    }
    // Beyond C, ours prints how it waits for events.
    expect.soft(ours.begun).toContain(EVENT_LOOP);
    const begun = asCommanded(row, ours.begun, c.begun)!.filter((line) => line !== EVENT_LOOP);
    expect.soft(begun.toSorted(), 'in whatever order').toEqual(c.begun.toSorted());
    expect.soft(asCommanded(row, ours.resync, c.resync)).toEqual(c.resync);
    for (const step of c.steps.filter(({ client }) => client === 'ours')) {
      const theirs = c.steps.find(({ client, command }) => client === 'c' && command === step.command)!;
      expect.soft(answer(step), `our client: ${step.command}`).toEqual(answer(theirs));
    }
  });
});

const PROGRAMS = [
  { name: 'C', program: cProgram },
  { name: 'ours', program: ourProgram },
];

const MANY = 50_000;

/** Room for many flows, and for the burst in which they come. */
const roomy: ConfigurationOptions = {
  mode: 'FTFW',
  inMode: ['ResendQueueSize 262144'],
  inTransport: ['SndSocketBuffer 16777216', 'RcvSocketBuffer 16777216'],
  inGeneral: ['NetlinkBufferSize 134217728', 'NetlinkBufferSizeMaxGrowth 268435456'],
};

describe.concurrent.each(PROGRAMS)(`with ${MANY} flows, $name`, ({ program }) => {
  test('a dump does not stop replication, and a commit is waited for and cannot be disturbed', async () => {
    await withLab({}, async (lab) => {
      const options = { program, configuration: roomy };
      await lab.startNodes({ a: options, b: options });
      await lab.settled();
      await lab.a.load(tcpLoad(MANY));
      const [a, b] = [lab.a.node(), lab.b.node()];
      await b.untilSize('external', MANY, 30_000);

      await dumpMeanwhile(lab, a, b);
      await commitMeanwhile(lab, b);
    });
  });
});

async function dumpMeanwhile(lab: Lab, a: ConntrackdNode, b: ConntrackdNode): Promise<void> {
  const stalled = await openStalledDump(a);
  let ended = 0;
  const { DUMP_INTERNAL_CT: plain, DUMP_INTERNAL_CT_XML: xml } = Request;
  const dumps = [plain, xml, plain, xml, plain].map(async (request) => {
    const text = await answerOf(a, request);
    ended++;
    return text;
  });
  await lab.a.load(tcpLoad(100, { first: MANY }));
  await b.untilSize('external', MANY + 100);
  expect(ended, 'dumps that ended before the new flows had arrived').toBeLessThan(dumps.length);
  for (const text of await Promise.all(dumps)) {
    const flows = text.split('\n').filter((line) => /sport|<sport>/.test(line)).length;
    expect(flows).toBeGreaterThanOrEqual(MANY);
    expect(flows).toBeLessThanOrEqual(MANY + 100);
  }

  await lab.a.load(tcpLoad(100, { first: MANY + 100 }));
  await b.untilSize('external', MANY + 200);
  expect((await stalled.rest()).split('\n').length).toBeGreaterThan(MANY);
}

async function commitMeanwhile(lab: Lab, b: ConntrackdNode): Promise<void> {
  // All are connected at once, in this order, so that the commit cannot end before the others are there, however busy the machine is.
  const first = answerOf(b, Request.COMMIT_ALL);
  const others = [
    Request.COMMIT_ALL,
    Request.FLUSH_CACHES_ALL,
    Request.FLUSH_CACHES_CT,
    Request.FLUSH_EXTERNAL,
  ].map((request) => answerOf(b, request));
  await first;
  const all = MANY + 200;
  const log = readFileSync(b.paths.logFile, 'utf8');
  const end = log.indexOf(`Committed ${all} new entries`);
  expect(end, 'the answer comes after the commit').toBeGreaterThan(0);
  const meanwhile = log.slice(log.indexOf('committing all external caches'), end);
  expect(meanwhile.match(/commit already in progress, skipping/g)).toHaveLength(1);
  expect(meanwhile.match(/\[ERROR\] ignoring flush command, commit still in progress/g)).toHaveLength(3);
  await Promise.all(others);
  expect(await lab.b.flowCount()).toBe(all);
  expect((await b.sizes()).external).toBe(all);

  await b.command('-f', 'external');
  expect((await b.sizes()).external).toBe(0);
}

/** A dump whose reader takes the beginning and then nothing, until it is asked for the rest. */
async function openStalledDump(node: ConntrackdNode): Promise<{ rest(): Promise<string> }> {
  const socket = connect(node.paths.controlSocket);
  socket.write(requestBytes(Request.DUMP_INTERNAL_CT));
  await once(socket, 'readable');
  return { rest: () => text(socket) };
}

describe.concurrent.each(PROGRAMS)("the kernel's table, $name", ({ program }) => {
  const flows = tcpLoad(10);

  test('is flushed PurgeTimeout seconds after -t, unless -c or -f comes before', async () => {
    await withLab({}, async (lab) => {
      const configuration: ConfigurationOptions = { mode: 'FTFW', inMode: ['PurgeTimeout 1'] };
      const node = await lab.a.start({ program, configuration });
      const flushes = () => node.log().match(/flushing kernel conntrack table \(scheduled\)/g)?.length ?? 0;
      await lab.a.load(flows);

      const ask = (request: number) => answerOf(node, request);

      for (const order of [Request.COMMIT_ALL, Request.FLUSH_CACHES_ALL, Request.FLUSH_INTERNAL]) {
        await ask(Request.RESET_TIMERS);
        await ask(order);
      }
      await sleep(1_500);
      expect(await lab.a.flowCount()).toBe(flows.length);
      expect(flushes()).toBe(0);

      await ask(Request.RESYNC_KERNEL_ALL);
      await node.untilSize('internal', flows.length);
      await ask(Request.RESET_TIMERS);
      await ask(Request.RESET_TIMERS);
      await ask(Request.FLUSH_EXTERNAL);
      expect(await lab.a.flowCount()).toBe(flows.length);
      await until('the flush', async () => (await lab.a.flowCount()) === 0, 3_000);
      await node.untilSize('internal', 0);
      await sleep(200);
      expect(node.log().match(/flushing conntrack table in 1 secs/g)).toHaveLength(4);
      expect(flushes()).toBe(1);
    });
  });

  test('keeps on -F what the filter ignores, and the peer keeps what is flushed', async () => {
    await withLab({}, async (lab) => {
      const configuration: ConfigurationOptions = {
        mode: 'FTFW',
        inFilter: ['Protocol Accept {', 'TCP', '}', 'Address Ignore {', 'IPv4_address 192.168.10.10', '}'],
      };
      await lab.startNodes({ a: { program, configuration }, b: { configuration } });
      await lab.a.load(flows);
      for (const sample of sampleFlows()) await lab.a.conntrack(...sample.arguments);
      const spared = (await lab.a.flows()).filter(
        ({ protocol, original, reply }) =>
          protocol !== 'tcp' || original.src === '192.168.10.10' || reply.src === '192.168.10.10',
      );
      expect(spared.length).toBeGreaterThan(20);
      const flushed = (await lab.a.flowCount()) - spared.length;
      expect(flushed).toBeGreaterThan(flows.length);
      await lab.b.node().untilSize('external', flushed);
      // Until then a peer's HELLO would have them sent again, as they are at that time: ended.
      await until(
        'all flows are acknowledged',
        async () => !(await lab.a.node().command('-s', 'rsqueue')).includes('object'),
      );

      await lab.a.node().command('-F');
      const left = await lab.a.flows();
      expect(left.map(({ text }) => text)).toEqual(spared.map(({ text }) => text));
      await lab.a.node().untilSize('internal', 0);
      expect((await lab.b.node().sizes()).external).toBe(flushed);
    });
  });
});

/** What arrives at the backup, and that all of it does. */

import { type FlowLine, sampleFlows, tcpLoad, until } from '../../netns/lab.ts';
import { differenceOf, mustUnderstandEachOther, untilEqual } from '../check.ts';
import type { Stage } from '../stage.ts';
import type { TestCase } from '../test-case.ts';

/** Far enough apart that no two loads of a case share a source address. */
const FAR = 100_000;

const greeting: TestCase = {
  letter: 'G',
  name: 'greeting',
  sentence: 'both nodes hear each other; a flow on either side is in the external cache of the other',
  async play(stage) {
    const { primary, backup } = stage;
    await stage.start();
    await primary.load(tcpLoad(1));
    await backup.load(tcpLoad(1, { first: FAR }));
    await untilEqual(primary, backup);
    await untilEqual(backup, primary);
    await mustUnderstandEachOther(stage);
  },
};

const BULK_FLOWS = 3_000;

const bulk: TestCase = {
  letter: 'B',
  name: 'bulk',
  sentence: `a backup that starts late asks for everything (-n), and has all ${BULK_FLOWS.toLocaleString('en')} flows`,
  senseless: (mode) => (mode === 'alarm' ? 'in ALARM nobody can ask: all is repeated unasked' : undefined),
  async play(stage) {
    const { primary, backup } = stage;
    await primary.load(tcpLoad(BULK_FLOWS));
    await stage.start();
    await stage.requestResync(backup);
    await untilEqual(primary, backup);
  },
};

const ENDED = 60;
const LEFT = 40;

const ends: TestCase = {
  letter: 'E',
  name: 'ends',
  sentence: 'flows that end at the primary leave the external cache of the backup; the others stay',
  async play(stage) {
    const { primary, backup } = stage;
    await stage.start();
    await primary.load([...tcpLoad(LEFT), ...tcpLoad(ENDED, { first: FAR })]);
    await untilEqual(primary, backup);
    const source = /-s (\S+)/.exec(tcpLoad(1, { first: FAR })[0]!)![1]!;
    await primary.conntrack('-D', '-s', source);
    await backup.node().untilSize('external', LEFT);
    await untilEqual(primary, backup);
  },
};

/** The protocol has no attribute for what tells two flows of these apart: UDPLITE's ports, GRE's keys. */
const WITHOUT_IDENTITY = /^(?:udplite|gre)\b/;
const samples = sampleFlows().filter(({ name }) => !WITHOUT_IDENTITY.test(name));
const sampleLines = (): string[] => samples.map(({ arguments: words }) => words.join(' '));

/** The flows of a dump as XML, without what is not sent: the kernel's identifier, and the tuple of the reply. */
function sentXml(dump: string): string[] {
  return dump
    .split('\n')
    .filter((line) => line.includes('<flow>'))
    .map((line) => line.replace(/<id>\d+<\/id>/, '').replace(/<meta direction="reply">.*?<\/meta>/, ''))
    .map((line) => line.replace(/<\?xml.*?>|<\/?conntrack>/g, '').trim())
    .sort();
}

const attributes: TestCase = {
  letter: 'A',
  name: 'attributes',
  sentence:
    'a flow of every protocol, state, mark, zone and translation: -e -x of the backup is -i -x of the primary',
  async play(stage) {
    const { primary, backup } = stage;
    await stage.start();
    await primary.load(sampleLines());
    await until('every attribute at the backup', async () => {
      const sent = sentXml(await primary.node().command('-i', '-x'));
      if (sent.length !== samples.length)
        throw new Error(`${sent.length} of ${samples.length} at the primary`);
      const difference = differenceOf(sent, sentXml(await backup.node().command('-e', '-x')));
      if (difference !== '') throw new Error(difference);
      return true;
    });
  },
};

async function countersOf(stage: Stage): Promise<readonly number[]> {
  return Promise.all([stage.primary.node().packetsReceived(), stage.backup.node().packetsReceived()]);
}

const statistics: TestCase = {
  letter: 'T',
  name: 'statistics',
  sentence:
    'after flows of all kinds both ways, and everything sent again, -s network shows 0 malformed messages',
  async play(stage) {
    const { primary, backup } = stage;
    await stage.start();
    await primary.load(sampleFlows().map(({ arguments: words }) => words.join(' ')));
    await backup.load(tcpLoad(100, { first: FAR }));
    await untilEqual(backup, primary);
    await backup.node().untilSize('external', sentCount(await primary.node().cache('internal')));
    const before = await countersOf(stage);
    await stage.requestResync(backup);
    await stage.requestResync(primary);
    await until('more packets at both nodes', async () =>
      (await countersOf(stage)).every((count, at) => count > before[at]!),
    );
    await untilEqual(backup, primary);
    await mustUnderstandEachOther(stage);
  },
};

/** How many flows a peer can tell apart: those of a protocol without identity on the wire are one for each address pair. */
function sentCount(flows: readonly FlowLine[]): number {
  const keys = flows.map(({ protocol, original, attributes: { zone = '0' }, text }) =>
    WITHOUT_IDENTITY.test(protocol) ? `${protocol} ${original.src} ${original.dst} ${zone}` : text,
  );
  return new Set(keys).size;
}

export const REPLICATION: readonly TestCase[] = [greeting, bulk, ends, attributes, statistics];

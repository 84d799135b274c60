import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missingForLab } from '../../sim/netns/availability.ts';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import {
  connectFtp,
  joinByLink,
  makeFlows,
  prepareTranslation,
  realTraffic,
  SYNC_PORT,
  serveFtp,
  socketAddress,
  startBareNode,
} from '../../sim/netns/kernel-lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { parseFlowLine } from '../../sim/netns/table.ts';
import { until } from '../../sim/netns/until.ts';
import { writeU16, writeU32 } from '../../src/bytes/integers.ts';
import { Origin } from '../../src/flow/change.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Ctnetlink } from '../../src/kernel/ctnetlink/ctnetlink.ts';
import { Errno } from '../../src/system/errno.ts';
import { AF_INET, libc, SOCK_DGRAM } from '../../src/system/libc.ts';
import { Attr } from '../../src/wire/attribute.ts';
import { ExpAttr } from '../../src/wire/expectation-attributes.ts';
import { findAttribute, wireSize } from '../../src/wire/record.ts';
import { inside, type Seen, wholeDump } from '../kernel/inside.ts';

const COMMIT_TIMEOUT = 500;
const LOCAL = /=127\.0\.0\.\d/;

function messages(records: readonly Uint8Array[], type: number): Uint8Array[] {
  return records.map((record, n) => {
    const message = new Uint8Array(8 + record.length);
    message[0] = 0x10 | type;
    writeU16(message, 2, message.length);
    writeU32(message, 4, n + 1);
    message.set(record, 8);
    return message;
  });
}

const isRelated = (record: Uint8Array) =>
  findAttribute(record, 0, record.length, Attr.MASTER_IPV4) >= 0 ||
  findAttribute(record, 0, record.length, Attr.MASTER_IPV6) >= 0;

const isProtocol = (record: Uint8Array, protocol: number) =>
  record[findAttribute(record, 0, record.length, Attr.L4PROTO) + 4] === protocol;

describe.skipIf(missingForLab().length > 0)('what a commit puts into the kernel', () => {
  let scope: Scope;
  let source: Namespace;
  let server: Namespace;
  let theirs: Namespace;
  let ours: Namespace;
  let kernel: Ctnetlink;
  let from: Ctnetlink;

  beforeEach(async () => {
    scope = openScope('ctk');
    source = await createNamespace(scope, 'src');
    server = await createNamespace(scope, 'srv');
    theirs = await createNamespace(scope, 'c');
    ours = await createNamespace(scope, 'ts');
    await joinByLink(source, server);
    for (const namespace of [source, theirs, ours]) await prepareTranslation(namespace);
    kernel = inside(ours.name, () => new Ctnetlink({ timeout: false, windowScale: false, events: false }));
    from = inside(source.name, () => new Ctnetlink({ timeout: false, windowScale: true, events: false }));
  });

  afterEach(async () => {
    kernel?.close();
    from?.close();
    await scope.close();
  });

  const startNode = (options: string) =>
    startBareNode(theirs, scope.directory, {
      mode: `CommitTimeout ${COMMIT_TIMEOUT}`,
      options,
      link: { from: '127.0.0.1', to: '127.0.0.2', device: 'lo' },
    });

  /** Hands messages to the C node and waits until its external cache has so many entries. */
  async function feed(
    path: string,
    type: number,
    records: readonly Uint8Array[],
    dump: string[],
  ): Promise<void> {
    inside(theirs.name, () => {
      const fd = libc().socket(AF_INET, SOCK_DGRAM, 0);
      const address = socketAddress([127, 0, 0, 1], SYNC_PORT);
      for (const message of messages(records, type)) libc().sendTo(fd, message, message.length, 0, address);
      libc().close(fd);
    });
    await until('the C node has taken them', async () => {
      const lines = (await theirs.must(cProgramPath(), ['-C', path, ...dump])).split('\n').filter(Boolean);
      return lines.length === records.length;
    });
  }

  async function table(namespace: Namespace): Promise<string[]> {
    const text = await namespace.must('conntrack', ['-L', '-o', 'extended,labels']);
    return text
      .split('\n')
      .map((line) => parseFlowLine(line)?.text)
      .filter((line): line is string => line !== undefined && !LOCAL.test(line))
      .sort();
  }

  function commitOurs(flows: readonly Seen[], liberal: boolean): number[] {
    const batch = kernel.batch(Origin.COMMIT);
    const answers: number[] = [];
    const flush = () => {
      answers.push(...kernel.run(batch));
      batch.clear();
    };
    for (const related of [false, true]) {
      for (const { record } of flows) {
        if (isRelated(record) !== related) continue;
        if (batch.full) flush();
        batch.create(record, 0, wireSize(record, 0, record.length), COMMIT_TIMEOUT, liberal);
      }
      flush();
    }
    return answers;
  }

  /** One of each flow that the C node can tell apart: GRE's keys do not travel, so its flows are one there. */
  function distinct(flows: readonly Seen[]): Seen[] {
    const gre = flows.filter(({ record }) => isProtocol(record, Protocol.GRE));
    return flows.filter((flow) => !gre.includes(flow) || flow === gre[0]);
  }

  it.each([
    ['without window tracking', ''],
    ['with window tracking', 'TCPWindowTracking on'],
  ])('is what the C node puts there: flows of every kind, %s', async (_, options) => {
    const path = await startNode(options);
    await makeFlows(source);
    await realTraffic(source, server);
    const flows = distinct(wholeDump(inside(source.name, () => from.dumpFlows())));
    expect(flows.some(({ record }) => isRelated(record))).toBe(true);
    await feed(
      path,
      0,
      flows.map(({ record }) => record.subarray(0, wireSize(record, 0, record.length))),
      ['-e'],
    );
    await theirs.must(cProgramPath(), ['-C', path, '-c']);
    const answers = commitOurs(flows, options === '');
    const expected = await table(theirs);
    expect(expected.length).toBeGreaterThan(25);
    expect(await table(ours)).toEqual(expected);
    expect(answers.filter((errno) => errno === 0).length).toBe(expected.length);
  });

  it('fails where the C node fails: an unknown helper, a missing master', async () => {
    await makeFlows(source);
    const [flow] = wholeDump(inside(source.name, () => from.dumpFlows())).filter(({ wire }) =>
      wire.startsWith('000c000001010101020202020008000500000008000500021100'),
    );
    const batch = kernel.batch(Origin.COMMIT);
    const record = flow!.record;
    const helper = Uint8Array.from([0, 11, 0, Attr.HELPER_NAME, ...Buffer.from('nosuch\0'), 0]);
    const withHelper = new Uint8Array([...record, ...helper]);
    batch.create(withHelper, 0, withHelper.length, 60, true);
    const master = Uint8Array.from([0, 12, 0, Attr.MASTER_IPV4, 7, 7, 7, 7, 8, 8, 8, 8]);
    const proto = Uint8Array.from([0, 5, 0, Attr.MASTER_L4PROTO, 6, 0, 0, 0]);
    const ports = Uint8Array.from([0, 8, 0, Attr.MASTER_PORT, 0, 1, 0, 2]);
    const related = new Uint8Array([...record, ...master, ...proto, ...ports]);
    batch.create(related, 0, related.length, 60, true);
    batch.create(record, 0, record.length, 0, true);
    batch.create(record, 0, record.length, 60, true);
    batch.create(record, 0, record.length, 60, true);
    batch.probe(record, 0, record.length);
    batch.remove(record, 0, record.length);
    batch.remove(record, 0, record.length);
    batch.probe(record, 0, record.length);
    batch.update(record, 0, record.length, 60, true);
    expect([...kernel.run(batch)]).toEqual([
      Errno.EOPNOTSUPP,
      Errno.ENOENT,
      Errno.EINVAL,
      0,
      Errno.EEXIST,
      0,
      0,
      Errno.ENOENT,
      Errno.ENOENT,
      Errno.ENOENT,
    ]);
  });

  it('includes expectations as the C node puts them there', async () => {
    const path = await startNode('ExpectationSync on');
    // The data connection is never opened here, so the expectation stays.
    const listener = await serveFtp(server);
    const client = await connectFtp(source);
    const expectations = await until('the helper expects a connection', () => {
      const seen = wholeDump(inside(source.name, () => from.dumpExpectations()));
      return seen.length > 0 && seen;
    });
    const flows = wholeDump(inside(source.name, () => from.dumpFlows()));
    await feed(
      path,
      0,
      flows.map(({ record }) => record.subarray(0, wireSize(record, 0, record.length))),
      ['-e'],
    );
    await feed(
      path,
      3,
      expectations.map(({ record }) => record),
      ['-e', 'expect'],
    );
    await theirs.must(cProgramPath(), ['-C', path, '-c']);
    commitOurs(flows, true);
    const batch = kernel.batch(Origin.COMMIT);
    for (const { record } of expectations) batch.createExpectation(record, 0, record.length, COMMIT_TIMEOUT);
    for (const { record } of expectations) batch.createExpectation(record, 0, record.length, COMMIT_TIMEOUT);
    for (const { record } of expectations) batch.probeExpectation(record, 0, record.length);
    expect([...kernel.run(batch)]).toEqual([0, Errno.EEXIST, 0]);
    const listed = async (namespace: Namespace) =>
      (await namespace.must('conntrack', ['-L', 'expect'])).replace(/^\d+ /gm, '');
    expect(await listed(ours)).toBe(await listed(theirs));
    expect(
      findAttribute(expectations[0]!.record, 0, expectations[0]!.record.length, ExpAttr.HELPER_NAME),
    ).toBeGreaterThan(0);
    kernel.flushExpectations();
    expect(wholeDump(inside(ours.name, () => kernel.dumpExpectations()))).toEqual([]);
    await client.stop();
    await listener.stop();
  });
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missingForLab } from '../../sim/netns/availability.ts';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import { prepareTranslation, SYNC_PORT, socketAddress, startBareNode } from '../../sim/netns/kernel-lab.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { type FlowLine, parseFlowTable } from '../../sim/netns/table.ts';
import { until } from '../../sim/netns/until.ts';
import { writeU16, writeU32 } from '../../src/bytes/integers.ts';
import { Origin } from '../../src/flow/change.ts';
import { Injection } from '../../src/kernel/apply/injection.ts';
import type { InjectionCounters } from '../../src/kernel/apply/injection-counters.ts';
import { injectionFailureText } from '../../src/kernel/apply/injection-failure.ts';
import { Ctnetlink } from '../../src/kernel/ctnetlink/ctnetlink.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { NoTrack } from '../../src/sync/notrack/notrack.ts';
import { Replica } from '../../src/sync/replica.ts';
import { AF_INET, libc, SOCK_DGRAM } from '../../src/system/libc.ts';
import { InternalCache } from '../../src/table/internal-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../src/table/key.ts';
import { Attr } from '../../src/wire/attribute.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { ExpAttr } from '../../src/wire/expectation-attributes.ts';
import { HEADER_SIZE, MessageType, typeOf } from '../../src/wire/header.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT, findAttribute, wireSize } from '../../src/wire/record.ts';
import {
  type Asked,
  deliver,
  flowMessage,
  type Message,
  oneByOne,
  PREDICTABLE_FLOWS,
  situation,
  tcp,
} from '../kernel/injection-messages.ts';
import { inside, wholeDump } from '../kernel/inside.ts';
import { splitDatagram } from '../support/datagrams.ts';
import { capturedDatagrams } from '../support/fixtures.ts';

const LOCAL = /=127\.0\.0\.\d/;
const FLOW_TYPES: Readonly<Record<Asked, number>> = {
  new: MessageType.CT_NEW,
  upd: MessageType.CT_UPD,
  del: MessageType.CT_DEL,
};

const openKernel = ({ name }: Namespace) =>
  inside(name, () => new Ctnetlink({ timeout: true, windowScale: false, events: false }));

/**
 * What is in a kernel's two tables, sorted. Left out is what runs, and what only the real one reports of every flow.
 */
function contents(kernel: Kernel, within: <T>(body: () => T) => T) {
  const records = (what: 'dumpFlows' | 'dumpExpectations') =>
    wholeDump(within(() => kernel[what]())).map(({ record }) => record);
  const flows = records('dumpFlows').map((record) => {
    const {
      timeout: _,
      synproxy: _synproxy,
      ...flow
    } = decodeFlow(record, 0, wireSize(record, 0, record.length));
    return JSON.stringify(flow, [...Object.keys(flow), ...DEEP].sort());
  });
  const expectations = records('dumpExpectations').map((record) => {
    const { master, expected } = decodeExpectation(record, 0, record.length);
    return JSON.stringify({ master, expected }, ['master', 'expected', ...DEEP]);
  });
  return { flows: flows.sort(), expectations: expectations.sort() };
}

/** The names of nested fields, so that their order does not matter. */
const DEEP = [
  'family',
  'source',
  'destination',
  'protocol',
  'ports',
  'icmp',
  'type',
  'code',
  'id',
  'address',
  'port',
  'state',
];

describe.skipIf(missingForLab().length > 0)('an injection into the kernel', () => {
  let scope: Scope;
  const kernels: Ctnetlink[] = [];

  beforeEach(() => {
    scope = openScope('ctk');
  });

  afterEach(async () => {
    for (const kernel of kernels.splice(0)) kernel.close();
    await scope.close();
  });

  const opened = (namespace: Namespace) => {
    const kernel = openKernel(namespace);
    kernels.push(kernel);
    return kernel;
  };

  it('does what one does that asks one after the other, and what the kernel in memory does', async () => {
    const batchedNamespace = await createNamespace(scope, 'many');
    const singleNamespace = await createNamespace(scope, 'one');
    const batched = opened(batchedNamespace);
    const single = opened(singleNamespace);
    const place = {
      batched: <T>(body: () => T) => inside(batchedNamespace.name, body),
      single: <T>(body: () => T) => inside(singleNamespace.name, body),
      memory: <T>(body: () => T) => body(),
    };
    const situations = fc.sample(situation(PREDICTABLE_FLOWS), {
      numRuns: 150,
      seed: 4711,
    });
    for (const { there, messages, fallbackTimeout } of situations) {
      const memory = new MemoryKernel({ timeout: true, windowScale: false });
      for (const [kernel, within] of [
        [batched, place.batched],
        [single, place.single],
        [memory, place.memory],
      ] as const) {
        within(() => {
          const batch = kernel.batch(Origin.COMMIT);
          for (const { record } of wholeDump(kernel.dumpFlows())) {
            if (batch.full) {
              kernel.run(batch);
              batch.clear();
            }
            batch.remove(record, 0, record.length);
          }
          kernel.run(batch);
          batch.clear();
          for (const flow of there) {
            const record = encodeFlow(flow);
            batch.create(record, 0, record.length, 100, true);
          }
          kernel.run(batch);
        });
      }
      const injection = place.batched(() => new Injection(batched, { liberal: true, fallbackTimeout }));
      const inMemory = new Injection(memory, { liberal: true, fallbackTimeout });
      const model = place.single(() => {
        single.batch(Origin.INJECT);
        return oneByOne(single, fallbackTimeout);
      });
      for (const message of messages) {
        if (message === 'flush') {
          injection.flush();
          inMemory.flush();
        } else {
          deliver(injection, message);
          deliver(inMemory, message);
          model.deliver(message);
        }
      }
      injection.flush();
      inMemory.flush();
      const failures = injection.takeFailures().described.map(injectionFailureText).sort();
      const counters = [injection.flows.counters, injection.expectations.counters];
      expect({ ...contents(batched, place.batched), counters, failures }).toEqual({
        ...contents(single, place.single),
        counters: model.counters,
        failures: model.failures.sort(),
      });
      expect({ ...contents(batched, place.batched), counters, failures }).toEqual({
        ...contents(memory, place.memory),
        counters: [inMemory.flows.counters, inMemory.expectations.counters],
        failures: inMemory.takeFailures().described.map(injectionFailureText).sort(),
      });
    }
  });

  describe('beside a C node with DisableExternalCache', () => {
    let theirs: Namespace;
    let ours: Namespace;
    let injection: Injection;
    let replica: Replica;
    let path: string;
    let sequence: number;
    let sentDatagrams: number;
    /** How much later than the C node ours took a message, at most, in milliseconds. */
    let lagMs: number;
    let failures: string[];
    let undescribed: number;

    async function start({ options = '', fallbackTimeout = 0 } = {}): Promise<void> {
      theirs = await createNamespace(scope, 'c');
      ours = await createNamespace(scope, 'ts');
      for (const namespace of [theirs, ours]) await prepareTranslation(namespace);
      path = await startBareNode(theirs, scope.directory, {
        mode: 'DisableExternalCache On',
        options: `ExpectationSync On\n${options}`,
        link: { from: '127.0.0.1', to: '127.0.0.2', device: 'lo' },
      });
      const kernel = opened(ours);
      const liberal = !options.includes('TCPWindowTracking');
      injection = inside(ours.name, () => new Injection(kernel, { liberal, fallbackTimeout }));
      const internal = {
        flows: new InternalCache(FLOW_FORMAT, new FlowKeyer(), 1000),
        expectations: new InternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(), 1000),
      };
      const engine = new NoTrack(
        internal,
        { initialSequence: 1, bulkFromKernel: false, random: Math.random },
        0,
      );
      replica = new Replica(internal, injection, engine);
      sequence = 1;
      sentDatagrams = 0;
      lagMs = 0;
      failures = [];
      undescribed = 0;
    }

    /** Both receive the same datagrams, numbered anew. */
    async function send(datagrams: readonly Uint8Array[]): Promise<void> {
      const startedAt = performance.now();
      const fd = inside(theirs.name, () => libc().socket(AF_INET, SOCK_DGRAM, 0));
      for (const datagram of datagrams) {
        const messages = splitDatagram(datagram);
        for (const message of messages) writeU32(message, 4, sequence++);
        const bytes = Buffer.concat(messages);
        libc().sendTo(fd, bytes, bytes.length, 0, socketAddress([127, 0, 0, 1], SYNC_PORT));
        sentDatagrams++;
        await until(
          'the C node has taken it',
          async () => Number(/(\d+) Pckts recv/.exec(await client('-s'))?.[1]) >= sentDatagrams,
          5000,
          2,
        );
        replica.handleDatagram(1, bytes, 0, bytes.length, 0);
      }
      libc().close(fd);
      injection.flush();
      lagMs = Math.max(lagMs, performance.now() - startedAt);
      const { described, more } = injection.takeFailures();
      undescribed += more;
      failures.push(...described.map(injectionFailureText));
    }

    const client = (...args: readonly string[]) => theirs.must(cProgramPath(), ['-C', path, ...args]);

    async function theirCounters(...words: readonly string[]): Promise<InjectionCounters> {
      const shown = await client('-s', ...words);
      const of = (what: string) =>
        new RegExp(`external inject:[^]*?connections ${what}:\\s+(\\d+)\\s+failed:\\s+(\\d+)`)
          .exec(shown)!
          .slice(1)
          .map(Number);
      const [created, createFailed] = of('created') as [number, number];
      const [updated, updateFailed] = of('updated') as [number, number];
      const [destroyed, destroyFailed] = of('destroyed') as [number, number];
      return { created, createFailed, updated, updateFailed, destroyed, destroyFailed };
    }

    async function table(namespace: Namespace): Promise<FlowLine[]> {
      const listing = await namespace.must('conntrack', ['-L', '-o', 'extended,labels']);
      return parseFlowTable(listing).filter(({ text }) => !LOCAL.test(text));
    }

    async function expected(namespace: Namespace): Promise<string[]> {
      const listing = await namespace.must('conntrack', ['-L', 'expect']);
      return listing
        .split('\n')
        .map((line) => line.replace(/^\d+ /, ''))
        .filter((line) => line.includes('proto='))
        .sort();
    }

    /** What both have made of all that they received; ours is held against theirs. */
    async function agree() {
      const listedAt = performance.now();
      const [flows, own] = [await table(theirs), await table(ours)];
      const apartSeconds = (lagMs + performance.now() - listedAt) / 1000;
      const counters = await theirCounters('cache');
      const expectationCounters = await theirCounters('expect');
      expect({
        flows: own.map(({ text }) => text),
        expectations: await expected(ours),
        counters: injection.flows.counters,
        expectationCounters: injection.expectations.counters,
      }).toEqual({
        flows: flows.map(({ text }) => text),
        expectations: await expected(theirs),
        counters,
        expectationCounters,
      });
      // A timeout is in whole seconds.
      for (const [n, { timeout }] of flows.entries()) {
        expect(Math.abs(own[n]!.timeout! - timeout!)).toBeLessThanOrEqual(apartSeconds + 1);
      }
      return { flows, counters, expectationCounters };
    }

    /** The C node's log lines about failures, and ours. */
    async function logsAgree(): Promise<string[]> {
      const logged = [...readFileSync(`${scope.directory}/node.log`, 'utf8').matchAll(/could not .*$/gm)]
        .map(([line]) => line)
        .sort();
      expect(undescribed).toBe(0);
      expect(failures.sort()).toEqual(logged);
      return logged;
    }

    /** A record's message, with a number that is given later. */
    function datagramOf(type: number, record: Uint8Array): Uint8Array {
      const message = new Uint8Array(HEADER_SIZE + record.length);
      message[0] = 0x10 | type;
      writeU16(message, 2, message.length);
      message.set(record, HEADER_SIZE);
      return message;
    }

    const typeOfMessage = ({ item, asked }: Message) => FLOW_TYPES[asked] + (item === 'flow' ? 0 : 3);

    /** The messages of a C node as it would have sent them without CommitTimeout: with a TIMEOUT. */
    function withTimeouts(datagram: Uint8Array): Uint8Array {
      const messages = splitDatagram(datagram).map((message) => {
        const isFlow = typeOf(message, 0) <= MessageType.CT_DEL;
        const type = isFlow ? Attr.TIMEOUT : ExpAttr.TIMEOUT;
        if (findAttribute(message, HEADER_SIZE, message.length, type) >= 0) return message;
        const whole = new Uint8Array([...message, 0, 8, 0, type, 0, 0, 4, 0]);
        writeU16(whole, 2, whole.length);
        return whole;
      });
      return Buffer.concat(messages);
    }

    const fixtures = () =>
      capturedDatagrams()
        .filter(({ theme }) => theme !== 'control')
        .map(({ bytes }) => bytes);

    it('makes the same of what C nodes sent', async () => {
      await start();
      await send(fixtures().map(withTimeouts));
      const { flows, counters } = await agree();
      expect(counters.created).toBeGreaterThan(50);
      expect(counters.updated).toBeGreaterThan(50);
      expect(flows.length).toBeGreaterThan(0);
      await logsAgree();
    });

    it.each([
      ['without window tracking', ''],
      ['with window tracking', 'TCPWindowTracking On'],
    ])('makes the same of messages that stand in each other’s way, %s', async (_, options) => {
      await start({ options });
      const situations = fc.sample(situation(PREDICTABLE_FLOWS), { numRuns: 40, seed: 42 });
      for (const { messages } of situations) {
        const datagrams: Uint8Array[] = [];
        let datagram: Uint8Array[] = [];
        for (const message of [...messages, 'flush' as const]) {
          if (message !== 'flush') datagram.push(datagramOf(typeOfMessage(message), message.record));
          else if (datagram.length > 0) {
            datagrams.push(Buffer.concat(datagram));
            datagram = [];
          }
        }
        await send(datagrams);
        await agree();
      }
      const { counters, expectationCounters } = await agree();
      expect(Object.values(counters).every((count) => count > 0 || count === counters.destroyFailed)).toBe(
        true,
      );
      expect(expectationCounters.created).toBeGreaterThan(0);
      const lines = await logsAgree();
      expect(lines.length).toBeGreaterThan(0);
    });

    it('without TIMEOUT creates nothing, as there, where that is asked for', async () => {
      await start({ fallbackTimeout: 0 });
      await send(fixtures());
      const { counters } = await agree();
      expect(counters.createFailed + counters.updateFailed).toBeGreaterThan(50);
    });

    it('without TIMEOUT has the fallback where the C node fails', async () => {
      await start({ fallbackTimeout: 60 });
      const { timeout: _, ...without } = tcp(1);
      const { record } = flowMessage('new', without);
      await send([datagramOf(MessageType.CT_NEW, record)]);
      expect(await theirCounters('cache')).toMatchObject({ created: 0, createFailed: 1 });
      expect(await table(theirs)).toEqual([]);
      expect(injection.flows.counters).toMatchObject({ created: 1, createFailed: 0 });
      expect(await table(ours)).toHaveLength(1);
    });
  });
});

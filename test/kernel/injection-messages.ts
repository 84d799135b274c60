import fc from 'fast-check';
import { Origin } from '../../src/flow/change.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Status } from '../../src/flow/status.ts';
import type { Tuple } from '../../src/flow/tuple.ts';
import type { Injection } from '../../src/kernel/apply/injection.ts';
import type { Batch, Kernel } from '../../src/kernel/kernel.ts';
import { Errno, errnoText } from '../../src/system/errno.ts';
import { decodeExpectation, decodeFlow } from '../../src/wire/decode.ts';
import { encodeExpectation, encodeFlow } from '../../src/wire/encode.ts';

const { CONFIRMED, SEEN_REPLY, ASSURED } = Status;

export const tuple = (port: number, fields: Partial<Tuple> = {}): Tuple => ({
  family: 4,
  source: '192.0.2.1',
  destination: '198.51.100.1',
  protocol: 6,
  ports: { source: port, destination: 80 },
  ...fields,
});

export const tcp = (port: number, fields: Partial<Flow> = {}): Flow => ({
  original: tuple(port),
  status: CONFIRMED | SEEN_REPLY | ASSURED,
  tcp: { state: 3 },
  timeout: 100,
  ...fields,
});

export const inverse = ({ source, destination, ports, ...rest }: Tuple): Tuple => ({
  ...rest,
  source: destination,
  destination: source,
  ports: { source: ports!.destination, destination: ports!.source },
});

export const ftp = (port: number): Flow =>
  tcp(port, {
    original: tuple(port, { ports: { source: port, destination: 21 } }),
    helper: 'ftp',
    timeout: 500,
  });

export const expectation = (master: Flow, port: number, source = '0.0.0.0'): Expectation => ({
  master: master.original,
  expected: tuple(0, { source, ports: { source: 0, destination: port } }),
  mask: tuple(0, {
    source: '255.255.255.255',
    destination: '255.255.255.255',
    ports: { source: 0, destination: 65_535 },
  }),
  timeout: 300,
  flags: 0,
  class: 0,
  helper: 'ftp',
});

export type Asked = 'new' | 'upd' | 'del';

const METHOD = { new: 'replace', upd: 'update', del: 'delete' } as const;

export interface Message {
  readonly item: 'flow' | 'expectation';
  readonly asked: Asked;
  readonly record: Uint8Array;
}

export const flowMessage = (asked: Asked, flow: Flow): Message => ({
  item: 'flow',
  asked,
  record: encodeFlow(flow),
});

export const expectationMessage = (asked: Asked, value: Expectation): Message => ({
  item: 'expectation',
  asked,
  record: encodeExpectation(value),
});

export function deliver(injection: Injection, { item, asked, record }: Message): void {
  // What comes from a link lies somewhere in a buffer that is used again.
  const buffer = new Uint8Array(record.length + 7).fill(0xee);
  buffer.set(record, 3);
  const sink = item === 'flow' ? injection.flows : injection.expectations;
  sink[METHOD[asked]](buffer, 3, 3 + record.length, 0);
  buffer.fill(0xee);
}

/** The C node's rules, read off plainly: each request is asked alone, and the next one only when it is answered. */
export function oneByOne(kernel: Kernel, fallbackTimeout: number) {
  const none = () => ({
    created: 0,
    createFailed: 0,
    updated: 0,
    updateFailed: 0,
    destroyed: 0,
    destroyFailed: 0,
  });
  const counters = [none(), none()] as const;
  const failures: string[] = [];
  const deliver = ({ item, asked, record }: Message): void => {
    const isFlow = item === 'flow';
    const entry = isFlow ? 'ct entry' : 'exp entry';
    const count = counters[isFlow ? 0 : 1];
    const ask = (fill: (batch: Batch) => void) => {
      const batch = kernel.batch(Origin.INJECT);
      fill(batch);
      return kernel.run(batch)[0]!;
    };
    const size = record.length;
    const value = isFlow ? decodeFlow(record, 0, size) : decodeExpectation(record, 0, size);
    const timeout = value.timeout === undefined ? fallbackTimeout : 0;
    const create = () =>
      ask((batch) =>
        isFlow
          ? batch.create(record, 0, size, timeout, true)
          : batch.createExpectation(record, 0, size, timeout),
      );
    const remove = () =>
      ask((batch) => (isFlow ? batch.remove(record, 0, size) : batch.removeExpectation(record, 0, size)));
    const fail = (line: string, errno: number) => failures.push(`${line}: ${errnoText(errno)}`);

    if (asked === 'new' || (asked === 'upd' && !isFlow)) {
      let errno = create();
      if (errno === Errno.EEXIST) {
        const removed = remove();
        if (removed !== 0 && removed !== Errno.ENOENT) {
          count.createFailed++;
          fail(`could not add new ${entry}, even when deleting it first`, removed);
          return;
        }
        errno = create();
      }
      if (errno === 0) count.created++;
      else {
        count.createFailed++;
        fail(`could not add new ${entry}`, errno);
      }
    } else if (asked === 'upd') {
      const updated = ask((batch) => batch.update(record, 0, size, 0, true));
      if (updated === 0) {
        count.updated++;
        return;
      }
      if (updated !== Errno.ENOENT) {
        const removed = remove();
        if (removed !== 0 && removed !== Errno.ENOENT) {
          count.updateFailed++;
          fail(`could not update ${entry}`, removed);
          return;
        }
      }
      const created = create();
      if (created === 0) count.updated++;
      else {
        count.updateFailed++;
        const way = updated === Errno.ENOENT ? 'even if creating it instead' : 'even when deleting it first';
        fail(`could not update ${entry}, ${way}`, created);
      }
    } else {
      const removed = remove();
      if (removed === 0) count.destroyed++;
      else if (removed !== Errno.ENOENT) {
        count.destroyFailed++;
        fail(`could not ${isFlow ? 'destroy' : 'delete'} ${entry}`, removed);
      }
    }
  };
  return { counters, failures, deliver };
}

/** Has the reply tuple that another one's translation leads to: the real kernel then picks a port for that one. */
const CLASH = tcp(6, { original: tuple(5, { destination: '10.0.0.7' }) });

/**
 * Flows that stand in each other's way: two the inverse of each other, two that want the same reply tuple, one in two
 * zones, one whose master is another, some that can never be.
 */
export const FLOWS: readonly Flow[] = [
  tcp(1),
  tcp(1, { original: inverse(tuple(1)) }),
  tcp(1, { zone: 5 }),
  tcp(2),
  tcp(2, { original: tuple(2, { protocol: 17 }) }),
  tcp(3, { sourceNat: { address: '203.0.113.9', port: 4711 } }),
  tcp(4, {
    original: tuple(4, { source: '192.0.2.9' }),
    sourceNat: { address: '203.0.113.9', port: 4711 },
  }),
  tcp(5, { destinationNat: { address: '10.0.0.7' } }),
  CLASH,
  tcp(7, { master: tuple(1) }),
  tcp(8, { master: ftp(10).original }),
  tcp(9, { master: tuple(7) }),
  ftp(10),
  ftp(11),
  tcp(12, { helper: 'nosuch' }),
  {
    original: tuple(0, {
      family: 6,
      source: 'fd00::1',
      destination: 'fd00::2',
      ports: { source: 1, destination: 2 },
    }),
  },
  {
    original: {
      family: 4,
      source: '192.0.2.1',
      destination: '198.51.100.1',
      protocol: 1,
      icmp: { type: 8, code: 0, id: 9 },
    },
  },
  {
    original: {
      family: 4,
      source: '198.51.100.1',
      destination: '192.0.2.1',
      protocol: 1,
      icmp: { type: 0, code: 0, id: 9 },
    },
  },
  {
    original: {
      family: 4,
      source: '192.0.2.1',
      destination: '198.51.100.1',
      protocol: 1,
      icmp: { type: 3, code: 0, id: 9 },
    },
  },
];

/** Those of them with which the kernel picks nothing by itself. */
export const PREDICTABLE_FLOWS: readonly Flow[] = FLOWS.filter((flow) => flow !== CLASH);

const EXPECTATIONS: readonly Expectation[] = [
  expectation(ftp(10), 2000),
  expectation(ftp(10), 2001),
  expectation(ftp(11), 2000),
  expectation(ftp(11), 2000, '192.0.2.7'),
  expectation(tcp(1), 2002),
];

/** A flow in one of its states. Its translation, master and helper stay what they are, as with real flows. */
function inSomeState(flows: readonly Flow[]): fc.Arbitrary<Flow> {
  return fc
    .tuple(
      fc.constantFrom(...flows),
      fc.constantFrom(CONFIRMED, CONFIRMED | SEEN_REPLY, CONFIRMED | SEEN_REPLY | ASSURED),
      fc.integer({ min: 0, max: 3 }),
      fc.constantFrom(undefined, 100, 200),
    )
    .map(([{ timeout: _, ...flow }, status, mark, timeout]) => ({
      ...flow,
      status,
      mark,
      ...(timeout === undefined ? {} : { timeout }),
    }));
}

/** Flows that are there, and messages about them and others. */
export function situation(
  flows: readonly Flow[] = FLOWS,
  expectations: readonly Expectation[] = EXPECTATIONS,
) {
  const asked = fc.constantFrom<Asked>('new', 'upd', 'upd', 'del');
  const message: fc.Arbitrary<Message | 'flush'> = fc.oneof(
    { weight: 12, arbitrary: fc.tuple(asked, inSomeState(flows)).map(([a, flow]) => flowMessage(a, flow)) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(asked, fc.constantFrom(...expectations), fc.constantFrom(250, 300))
        .map(([a, value, timeout]) => expectationMessage(a, { ...value, timeout })),
    },
    { weight: 1, arbitrary: fc.constant('flush' as const) },
  );
  return fc.record({
    there: fc.array(inSomeState(flows), { maxLength: 8 }),
    messages: fc.array(message, { maxLength: 60, size: 'max' }),
    fallbackTimeout: fc.constantFrom(0, 60),
  });
}

import { beforeEach, describe, expect, it } from 'vitest';
import { type HelperKernel, HelperService } from '../../../src/daemon/helper/helper-service.ts';
import type { Expectation } from '../../../src/flow/expectation.ts';
import { Status } from '../../../src/flow/status.ts';
import type { ExpectedFlow, HelperProtocol, Inspection } from '../../../src/helper/protocol.ts';
import type { PacketVerdict } from '../../../src/kernel/userspace-helper/queue-messages.ts';
import type { QueuedPacket } from '../../../src/kernel/userspace-helper/queued-packet.ts';
import { checksumsAreRight, ipPacket } from '../../kernel/userspace-helper/packets.ts';

const EBUSY = 16;
const ENOMEM = 12;
const DROP = 0;
const ACCEPT = 1;

const MASTER = {
  family: 4 as const,
  source: '10.0.0.1',
  destination: '10.0.0.2',
  protocol: 6,
  ports: { source: 1000, destination: 21 },
};

function expectationTo(port: number): Expectation {
  return { master: MASTER, expected: { ...MASTER, ports: { source: 0, destination: port } } };
}

/** An announcement that is rewritten to `p` and the port. */
function translated(firstPort: number): ExpectedFlow {
  return {
    expectation: expectationTo(firstPort),
    nat: {
      firstPort,
      expectation: expectationTo,
      rewrite: (port) => ({ offset: 0, length: 5, replacement: new TextEncoder().encode(`p${port}`) }),
    },
  };
}

/** The answer of the helper to its next packet, or what it throws. */
let answer: () => Inspection;
/** What happened, in its order. */
let happened: string[];
let decided: PacketVerdict[];
/** Errno by port; 0 for all others. */
let refusals: Map<number, number>;
let failures: unknown[];
let service: HelperService;

const protocol: HelperProtocol = {
  name: 'ftp',
  transport: 'tcp',
  privateBytes: 0,
  newState: () => ({}),
  inspect: () => answer(),
};

beforeEach(() => {
  happened = [];
  decided = [];
  failures = [];
  refusals = new Map();
  const port = (expectation: Expectation) => expectation.expected.ports!.destination;
  const kernel: HelperKernel = {
    createExpectation: (expectation) => {
      happened.push(`create ${port(expectation)}`);
      return refusals.get(port(expectation)) ?? 0;
    },
    deleteExpectation: (expectation) => happened.push(`delete ${port(expectation)}`),
    decide: (_, verdict) => {
      happened.push(verdict.verdict === ACCEPT ? 'accept' : 'drop');
      decided.push(verdict);
    },
    queueCounters: { received: 7, malformed: 0, verdictsFailed: 0 },
  };
  const policy = { name: 'ftp', expectMax: 1, expectTimeout: 300 };
  const instance = {
    name: 'ftp',
    family: 4,
    transport: 'tcp',
    queueNum: 3,
    queueLen: 0,
    policy,
    line: 1,
  } as const;
  service = new HelperService(kernel, [{ instance, protocol }], (_, error) => failures.push(error));
});

function queued(change: Partial<QueuedPacket> & { status?: number; helper?: string } = {}): QueuedPacket {
  const { status = Status.CONFIRMED, helper = 'ftp', ...rest } = change;
  return {
    queueNum: 3,
    id: 1,
    packet: ipPacket({ version: 4, transport: 'tcp', payload: new TextEncoder().encode('hello') }),
    direction: 'original',
    isEstablished: true,
    flow: { original: MASTER, reply: MASTER, status, id: 5, helper, zone: undefined },
    ...rest,
  };
}

function of(...expected: ExpectedFlow[]): () => Inspection {
  return () => ({ verdict: 'accept', expected });
}

describe('a packet', () => {
  it('goes on as it is where the helper expects nothing', () => {
    answer = of();
    service.handlePacket(queued());
    expect(decided).toEqual([{ verdict: ACCEPT }]);
    expect(service.statistics).toMatchObject({ passed: 0, packets: 7, flows: 1 });
    expect(service.statistics.helpers[0]).toMatchObject({
      name: 'ftp',
      family: 'inet',
      packets: 1,
      dropped: 0,
    });
  });

  it('goes on once the kernel expects what it announces', () => {
    answer = of({ expectation: expectationTo(2000) });
    service.handlePacket(queued());
    expect(happened).toEqual(['create 2000', 'accept']);
    expect(service.statistics.helpers[0]).toMatchObject({ expectations: 1 });
  });

  it('is dropped where the kernel refuses one expectation, and the others are taken back', () => {
    refusals.set(2001, ENOMEM);
    answer = of({ expectation: expectationTo(2000) }, { expectation: expectationTo(2001) });
    service.handlePacket(queued());
    expect(happened).toEqual(['create 2000', 'create 2001', 'delete 2000', 'drop']);
    expect(service.statistics.helpers[0]).toMatchObject({ dropped: 1, expectationsRefused: 1 });
  });

  it('of a flow that is not in the table takes its first expectation along, and the rest follow', () => {
    answer = of({ expectation: expectationTo(2000) }, { expectation: expectationTo(2001) });
    service.handlePacket(queued({ status: 0 }));
    expect(happened).toEqual(['accept', 'create 2001']);
    expect(decided[0]).toEqual({ verdict: ACCEPT, expectation: expectationTo(2000) });
    expect(service.statistics.helpers[0]).toMatchObject({ expectations: 2 });
  });

  it('is rewritten to the first port that is free', () => {
    refusals.set(2000, EBUSY).set(2001, EBUSY);
    answer = of(translated(2000));
    service.handlePacket(queued());
    expect(happened).toEqual(['create 2000', 'create 2001', 'create 2002', 'accept']);
    const { packet } = decided[0]!;
    expect(new TextDecoder().decode(packet!.subarray(40))).toBe('p2002');
    expect(checksumsAreRight(packet!)).toBe(true);
    expect(service.statistics.helpers[0]).toMatchObject({ rewritten: 1, expectations: 1 });
  });

  it('is dropped where no port is free, after a bounded number of attempts', () => {
    for (let port = 1; port <= 0xffff; port++) refusals.set(port, EBUSY);
    answer = of(translated(2000));
    service.handlePacket(queued());
    expect(happened.length).toBeLessThan(200);
    expect(happened.at(-1)).toBe('drop');
    happened.length = 0;
    answer = of(translated(0xfffe));
    service.handlePacket(queued());
    expect(happened).toEqual(['create 65534', 'create 65535', 'drop']);
  });

  it('is dropped where the helper says so', () => {
    answer = () => ({ verdict: 'drop', expected: [] });
    service.handlePacket(queued());
    expect(decided).toEqual([{ verdict: DROP }]);
  });

  it('goes on where the helper fails', () => {
    answer = () => {
      throw new Error('a fault');
    };
    service.handlePacket(queued());
    expect(decided).toEqual([{ verdict: ACCEPT }]);
    expect(failures).toEqual([new Error('a fault')]);
    expect(service.statistics.helpers[0]).toMatchObject({ failed: 1 });
  });

  it.each([
    ['of no flow', () => ({ ...queued(), flow: undefined })],
    ['of another queue', () => queued({ queueNum: 4 })],
    ['of a flow with another helper', () => queued({ helper: 'sip' })],
    ['with broken headers', () => queued({ packet: Uint8Array.of(0x45, 0, 0) })],
    [
      'of another protocol than its flow',
      () => queued({ packet: ipPacket({ version: 4, transport: 'udp', payload: new Uint8Array(9) }) }),
    ],
  ])('%s goes on without a look', (_, packet) => {
    answer = () => ({ verdict: 'drop', expected: [] });
    service.handlePacket(packet() as QueuedPacket);
    expect(decided).toEqual([{ verdict: ACCEPT }]);
    expect(service.statistics.passed).toBe(1);
  });
});

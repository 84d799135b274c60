// A table of the scenarios that the model of the C node and the C node itself play; it is longer than 400 lines for that.

import { ack, alive, concat, control, data, nack, resync } from '../../../sim/fuzz/messages.ts';
import { Request } from '../../../src/control/codes.ts';
import type { Flow } from '../../../src/flow/flow.ts';
import { Status } from '../../../src/flow/status.ts';
import { encodeFlow } from '../../../src/wire/encode.ts';
import { Flag } from '../../../src/wire/header.ts';
import type { Script, Step, TestFlow } from './script.ts';

const TIMEOUT = 600;

/** An unanswered UDP flow of the node's own kernel. */
export function udp(n: number, more: Partial<Flow> = {}): TestFlow {
  const original = {
    family: 4,
    source: '10.1.0.1',
    destination: '10.2.0.1',
    protocol: 17,
    ports: { source: n, destination: 53 },
  } as const;
  return {
    identity: [
      '-p',
      'udp',
      '-s',
      '10.1.0.1',
      '-d',
      '10.2.0.1',
      '--sport',
      `${n}`,
      '--dport',
      '53',
      ...(more.zone === undefined ? [] : ['-w', `${more.zone}`]),
    ],
    more: ['-t', `${TIMEOUT}`],
    flow: { original, timeout: TIMEOUT, mark: 0, ...more },
  };
}

/** A TCP flow of the node's own kernel that has been answered. */
export function tcp(n: number): TestFlow {
  const original = {
    family: 4,
    source: '10.1.0.1',
    destination: '10.2.0.1',
    protocol: 6,
    ports: { source: n, destination: 80 },
  } as const;
  return {
    identity: ['-p', 'tcp', '-s', '10.1.0.1', '-d', '10.2.0.1', '--sport', `${n}`, '--dport', '80'],
    more: ['-t', `${TIMEOUT}`, '--state', 'ESTABLISHED', '-u', 'SEEN_REPLY,ASSURED'],
    flow: {
      original,
      timeout: TIMEOUT,
      mark: 0,
      status: Status.SEEN_REPLY | Status.ASSURED,
      tcp: { state: 3 },
    },
  };
}

/** A flow that a peer tells of. */
export function peerFlow(n: number, more: Partial<Flow> = {}): Uint8Array {
  return encodeFlow({
    original: {
      family: 4,
      source: '10.3.0.1',
      destination: '10.4.0.1',
      protocol: 17,
      ports: { source: n, destination: 53 },
    },
    status: Status.CONFIRMED,
    ...more,
  });
}

const NEW = 0;
const UPD = 1;
const DEL = 2;

export const send = (...messages: readonly Uint8Array[]): Step => ({
  do: 'send',
  datagram: () => concat(...messages),
});
export const insert = (flow: TestFlow): Step => ({ do: 'kernel', operation: { do: 'insert', flow } });
export const mark = (flow: TestFlow, value: number): Step => ({
  do: 'kernel',
  operation: { do: 'mark', flow, mark: value },
});
export const remove = (flow: TestFlow): Step => ({ do: 'kernel', operation: { do: 'delete', flow } });
export const command = (request: Request): Step => ({ do: 'command', request });
export const wait = (milliseconds: number): Step => ({ do: 'wait', milliseconds });
/** An ACK by the peer, of the node's `from`th to `to`th message. */
export const acknowledge = (sequence: number, from: number, to: number, third = false): Step => ({
  do: 'send',
  third,
  datagram: (base) => ack(sequence, base + from, base + to),
});
export const miss = (sequence: number, from: number, to: number): Step => ({
  do: 'send',
  datagram: (base) => nack(sequence, base + from, base + to),
});

const COMMIT = { commitTimeout: 600 };
/** The node speaks at once, which saves a second. */
const SOON = { ...COMMIT, startupResync: true };

const atOnce = (...steps: readonly Step[]): Step => ({ do: 'at once', steps });
const third = (...messages: readonly Uint8Array[]): Step => ({
  do: 'send',
  third: true,
  datagram: () => concat(...messages),
});
const bytes = (...values: readonly number[]): Step => send(Uint8Array.from(values));
/** With one byte of a message changed. */
const spoilt = (message: Uint8Array, at: number, value: number): Uint8Array => message.with(at, value);
const numbers = (count: number, first = 1) => Array.from({ length: count }, (_, n) => first + n);
const child = (n: number, master: number): Uint8Array =>
  peerFlow(n, {
    status: Status.EXPECTED | Status.CONFIRMED,
    master: {
      family: 4,
      source: '10.3.0.1',
      destination: '10.4.0.1',
      protocol: 17,
      ports: { source: master, destination: 53 },
    },
  });
const translated = (n: number, port: number): Uint8Array =>
  peerFlow(n, {
    status: Status.CONFIRMED | Status.SRC_NAT | Status.SRC_NAT_DONE | Status.DST_NAT_DONE,
    sourceNat: { address: '10.9.9.9', port },
  });

export const SCRIPTS: readonly Script[] = [
  {
    name: 'hello',
    options: COMMIT,
    steps: [
      insert(udp(1)),
      send(alive(1000, Flag.HELLO)),
      insert(udp(2)),
      send(data(NEW, 1001, peerFlow(1), Flag.HELLO | Flag.HELLO_BACK)),
      insert(tcp(3)),
      mark(tcp(3), 7),
      remove(udp(1)),
      wait(1300),
    ],
  },
  {
    name: 'hello that comes again in the middle of a window',
    options: { ...SOON, ackWindowSize: 4 },
    steps: [
      send(alive(1000, Flag.HELLO | Flag.HELLO_BACK)),
      ...numbers(2, 1001).map((n) => send(data(NEW, n, peerFlow(n)))),
      send(data(NEW, 500, peerFlow(3), Flag.HELLO)),
      ...numbers(6, 501).map((n) => send(data(NEW, n, peerFlow(n)))),
      send(alive(9000, Flag.HELLO)),
      ...numbers(4, 9001).map((n) => send(data(UPD, n, peerFlow(3)))),
      wait(1200),
      send(alive(9007, Flag.HELLO_BACK)),
      send(control(0, 9008), control(Flag.HELLO, 9009)),
      insert(udp(1)),
    ],
  },
  {
    name: 'in order, ahead, behind',
    options: SOON,
    steps: [
      send(data(NEW, 1000, peerFlow(1))),
      send(data(NEW, 1001, peerFlow(2))),
      send(data(UPD, 1005, peerFlow(2, { mark: 9 }))),
      send(data(NEW, 1002, peerFlow(3))),
      send(data(DEL, 1006, peerFlow(1))),
      send(data(DEL, 1007, peerFlow(77))),
      send(alive(1007), alive(1008)),
      wait(1200),
      send(alive(1008), alive(1020)),
      command(Request.COMMIT_ALL),
    ],
  },
  {
    name: 'a peer that comes back with a higher number',
    options: SOON,
    steps: [
      send(data(NEW, 1000, peerFlow(1), Flag.HELLO_BACK)),
      send(data(NEW, 5_000_000, peerFlow(2))),
      send(data(NEW, 5_000_001, peerFlow(3))),
      send(alive(6_000_000, Flag.HELLO)),
      send(data(NEW, 6_000_001, peerFlow(4))),
      send(data(NEW, 6_000_001 + 2 ** 31 - 1, peerFlow(5))),
      send(data(NEW, 6_000_001 + 2 ** 31, peerFlow(6))),
      send(data(NEW, 6_000_000, peerFlow(7))),
    ],
  },
  {
    name: 'a peer that comes back with a lower number',
    options: SOON,
    steps: [
      send(data(NEW, 1000, peerFlow(1), Flag.HELLO_BACK)),
      send(data(NEW, 10, peerFlow(2))),
      send(data(NEW, 11, peerFlow(3)), alive(12)),
      send(data(99, 13, peerFlow(3))),
      wait(1200),
      send(resync(14)),
      send(data(NEW, 15, peerFlow(4), Flag.HELLO)),
      send(data(NEW, 16, peerFlow(5))),
    ],
  },
  {
    name: 'numbers that wrap',
    options: { ...SOON, ackWindowSize: 3 },
    steps: [
      ...numbers(8).map((n) => send(data(NEW, (2 ** 32 - 4 + n) % 2 ** 32, peerFlow(n)))),
      send(data(NEW, 9, peerFlow(20))),
      send(alive(2 ** 32 - 1)),
      wait(1200),
    ],
  },
  {
    name: 'a third sender',
    options: SOON,
    steps: [
      send(alive(1000, Flag.HELLO | Flag.HELLO_BACK)),
      third(alive(70_000, Flag.HELLO)),
      send(data(NEW, 1001, peerFlow(1))),
      third(data(NEW, 70_001, peerFlow(2))),
      third(data(NEW, 70_002, peerFlow(3))),
      send(data(NEW, 1002, peerFlow(4))),
      third(data(NEW, 70_003, peerFlow(1, { mark: 3 }))),
      send(data(DEL, 1003, peerFlow(2))),
      wait(1200),
      third(resync(70_004)),
    ],
  },
  {
    name: 'an ACK by anybody',
    options: SOON,
    steps: [
      send(alive(1000, Flag.HELLO | Flag.HELLO_BACK)),
      ...numbers(6).map((n) => insert(udp(n))),
      remove(udp(1)),
      acknowledge(1001, 2, 3),
      acknowledge(1002, 0, 1_000_000, true),
      miss(1003, 1, 6),
      mark(udp(5), 5),
      wait(1200),
      acknowledge(1004, 9, 8),
      send(ack(1004, 0xffff_fff0, 0x7fff_ffe0)),
    ],
  },
  {
    name: 'a window that fills',
    options: { ...SOON, ackWindowSize: 5 },
    steps: [
      send(alive(1000, Flag.HELLO_BACK)),
      ...numbers(7, 1001).map((n) => send(data(NEW, n, peerFlow(n)))),
      wait(1200),
      // The window was acknowledged by the clock, and its count goes on.
      ...numbers(9, 1008).map((n) => send(alive(n))),
      send(...numbers(12, 1017).map((n) => data(NEW, n, peerFlow(n)))),
      send(data(NEW, 1040, peerFlow(40))),
      ...numbers(4, 1041).map((n) => send(alive(n))),
      wait(1200),
    ],
  },
  {
    name: 'what is missed is sent again',
    options: SOON,
    steps: [
      insert(udp(1)),
      insert(udp(2)),
      send(data(NEW, 999, peerFlow(1))),
      send(data(NEW, 1002, peerFlow(2), Flag.HELLO_BACK)),
      insert(udp(3)),
      miss(1003, 0, 3),
      miss(1004, 2, 2),
      mark(udp(3), 3),
      miss(1005, 0, 20),
      remove(udp(3)),
      miss(1006, 0, 20),
      insert(udp(3)),
      miss(1007, 0, 40),
      acknowledge(1008, 0, 40),
      miss(1009, 0, 40),
      wait(1200),
    ],
  },
  {
    name: 'the end of a flow is kept until it is acknowledged',
    options: SOON,
    steps: [
      send(alive(1000, Flag.HELLO | Flag.HELLO_BACK)),
      ...numbers(3).map((n) => insert(tcp(n))),
      ...numbers(3).map((n) => remove(tcp(n))),
      miss(1001, 1, 6),
      insert(tcp(1)),
      atOnce(remove(tcp(1)), insert(tcp(1)), mark(tcp(1), 1)),
      acknowledge(1002, 1, 8),
      command(Request.SEND_BULK),
      acknowledge(1003, 1, 30),
      command(Request.SEND_BULK),
    ],
  },
  {
    name: 'bulks on demand',
    options: { ...COMMIT, hashSize: 7 },
    before: [udp(100), tcp(101), tcp(102)],
    steps: [
      command(Request.SEND_BULK),
      ...numbers(30).map((n) => insert(udp(n))),
      send(alive(1000, Flag.HELLO | Flag.HELLO_BACK)),
      mark(udp(7), 7),
      mark(tcp(101), 8),
      send(resync(1001)),
      remove(udp(8)),
      send(resync(1002, Flag.HELLO)),
      command(Request.REQUEST_RESYNC),
      command(Request.SEND_BULK),
      acknowledge(1003, 0, 200),
      command(Request.SEND_BULK),
      miss(1004, 100, 120),
      wait(1200),
    ],
  },
  {
    name: 'a resend queue that is full',
    options: { ...SOON, resendQueueSize: 4 },
    steps: [
      send(alive(1000, Flag.HELLO | Flag.HELLO_BACK)),
      ...numbers(6).map((n) => insert(udp(n))),
      remove(udp(1)),
      remove(udp(6)),
      miss(1001, 0, 100),
      remove(udp(2)),
      remove(udp(3)),
      remove(udp(4)),
      remove(udp(5)),
      send(resync(1002)),
      send(data(NEW, 1010, peerFlow(1))),
      send(data(NEW, 1020, peerFlow(1))),
      miss(1021, 0, 100),
    ],
  },
  {
    name: 'malformed messages of each kind',
    options: SOON,
    steps: [
      send(data(NEW, 1000, peerFlow(1))),
      bytes(0x10),
      bytes(0x10, 0, 0, 8, 0, 0, 0),
      bytes(0x1a, 8, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0),
      bytes(0x1a, 8, 0, 8, 0, 0, 0, 1),
      bytes(0x1a, 8, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1),
      bytes(0x1a, 16, 0, 0, 0, 0, 0, 1),
      bytes(0x1a, 16, 0, 7, 0, 0, 0, 1),
      bytes(0x1a, 16, 0, 9, 0, 0, 0, 1),
      send(spoilt(alive(1001), 0, 0x2a), data(NEW, 1001, peerFlow(2))),
      send(spoilt(data(NEW, 1002, peerFlow(3)), 0, 0x16)),
      send(spoilt(data(NEW, 1002, peerFlow(3)), 1, 1)),
      send(control(0, 1002)),
      send(control(128, 1003)),
      send(ack(1002, 5, 4)),
      send(nack(1002, 5, 4)),
      send(ack(1010, 5, 4)),
      // Its number counts although its attributes do not.
      send(spoilt(data(NEW, 1002, peerFlow(3)), 11, 99)),
      send(spoilt(data(NEW, 1003, peerFlow(3)), 9, 3)),
      send(spoilt(data(UPD, 1004, peerFlow(3)), 9, 200)),
      send(data(NEW, 1005, peerFlow(4)), Uint8Array.of(1, 2, 3)),
      send(spoilt(data(NEW, 3, peerFlow(3)), 11, 99)),
      send(data(3, 1006, peerFlow(3))),
      send(data(DEL, 1007, peerFlow(4)), control(0, 1008), data(DEL, 1008, peerFlow(1))),
    ],
  },
  {
    name: 'NEW, UPD and DEL of known and unknown flows',
    options: SOON,
    steps: [
      send(data(UPD, 1000, peerFlow(1, { mark: 1, timeout: 100 }))),
      send(data(UPD, 1001, peerFlow(1, { status: Status.CONFIRMED | Status.SEEN_REPLY, zone: 0 }))),
      send(data(UPD, 1002, peerFlow(1, { helper: 'ftp', labels: [1, 2, 3, 4] }))),
      send(data(NEW, 1003, peerFlow(1))),
      send(data(NEW, 1004, peerFlow(1, { zone: 7 }))),
      send(data(DEL, 1005, peerFlow(1, { zone: 8 }))),
      send(data(UPD, 1006, translated(2, 5000))),
      send(data(UPD, 1007, translated(2, 6000))),
      send(data(UPD, 1008, child(2, 1))),
      send(data(DEL, 1009, peerFlow(1))),
      send(data(DEL, 1010, peerFlow(1))),
      command(Request.COMMIT_CT),
    ],
  },
  {
    name: 'flows of every family and protocol',
    options: SOON,
    steps: [
      ...[
        {
          family: 6,
          source: 'fd00::1',
          destination: 'fd00::2',
          protocol: 17,
          ports: { source: 5, destination: 6 },
        } as const,
        {
          family: 4,
          source: '10.3.0.1',
          destination: '10.4.0.1',
          protocol: 1,
          icmp: { type: 8, code: 0, id: 77 },
        } as const,
        {
          family: 4,
          source: '10.3.0.1',
          destination: '10.4.0.1',
          protocol: 1,
          icmp: { type: 8, code: 0, id: 78 },
        } as const,
        {
          family: 4,
          source: '10.3.0.1',
          destination: '10.4.0.1',
          protocol: 1,
          icmp: { type: 13, code: 0, id: 78 },
        } as const,
        {
          family: 6,
          source: 'fd00::1',
          destination: 'fd00::2',
          protocol: 58,
          icmp: { type: 128, code: 0, id: 1 },
        } as const,
        { family: 4, source: '10.3.0.1', destination: '10.4.0.1', protocol: 47 } as const,
        { family: 4, source: '10.3.0.1', destination: '10.4.0.1', protocol: 50 } as const,
        { family: 4, source: '10.3.0.1', destination: '10.4.0.1', protocol: 136 } as const,
      ].map((original, n) => send(data(NEW, 1000 + n, encodeFlow({ original, status: Status.CONFIRMED })))),
      insert(udp(9, { zone: 3 })),
      insert(udp(1)),
      mark(udp(1), 5),
      send(resync(1008)),
      remove(udp(1)),
      command(Request.SEND_BULK),
    ],
  },
  {
    name: 'a commit into a table that has some of it',
    options: SOON,
    before: [udp(1), tcp(2)],
    steps: [
      send(alive(999, Flag.HELLO_BACK)),
      send(...numbers(4).map((n) => data(NEW, 999 + n, peerFlow(n)))),
      command(Request.COMMIT_ALL),
      command(Request.COMMIT_ALL),
      send(
        data(
          UPD,
          1004,
          peerFlow(1, { mark: 5, status: Status.CONFIRMED | Status.SEEN_REPLY | Status.ASSURED }),
        ),
      ),
      send(data(DEL, 1005, peerFlow(4))),
      command(Request.COMMIT_CT),
      command(Request.SEND_BULK),
      send(alive(1010)),
      command(Request.FLUSH_CACHES_ALL),
      command(Request.RESYNC_KERNEL_ALL),
      command(Request.SEND_BULK),
      wait(1200),
    ],
  },
  ...[8192, 8193].map((hashSize) => ({
    name: `commits and flushes with ${hashSize} buckets`,
    options: { ...SOON, hashSize, purgeTimeout: 1 },
    steps: [
      send(data(NEW, 1000, peerFlow(1))),
      command(Request.COMMIT_CT),
      send(data(NEW, 1001, peerFlow(2))),
      command(Request.FLUSH_EXTERNAL),
      send(data(NEW, 1002, peerFlow(3))),
      command(Request.COMMIT_ALL),
      command(Request.FLUSH_CACHES_ALL),
      insert(udp(1)),
      command(Request.FLUSH_INTERNAL),
      send(data(NEW, 1003, peerFlow(4))),
    ],
  })),
  {
    name: 'a commit of children and of translated flows',
    options: SOON,
    steps: [
      send(...numbers(6).map((n) => data(NEW, 999 + n, child(n, 100 + n)))),
      send(...numbers(5).map((n) => data(NEW, 1005 + n, peerFlow(100 + n)))),
      send(data(NEW, 1011, child(50, 3))),
      send(
        data(NEW, 1012, translated(60, 7000)),
        data(NEW, 1013, translated(61, 7000)),
        data(NEW, 1014, translated(62, 0)),
      ),
      send(data(NEW, 1015, peerFlow(70, { helper: 'nobody' }))),
      command(Request.COMMIT_ALL),
      command(Request.COMMIT_ALL),
      send(data(DEL, 1016, peerFlow(103)), data(DEL, 1017, translated(60, 7000))),
      command(Request.FLUSH_KERNEL_ALL),
      command(Request.COMMIT_ALL),
    ],
  },
  {
    name: 'a commit by the timeouts that were received',
    options: { startupResync: true },
    steps: [
      send(data(NEW, 1000, peerFlow(1, { timeout: 100 }))),
      send(data(NEW, 1001, peerFlow(2, { timeout: 1 }))),
      send(data(NEW, 1002, peerFlow(3))),
      insert(udp(1)),
      wait(2700),
      command(Request.COMMIT_ALL),
      mark(udp(1), 3),
    ],
  },
  {
    name: 'flushes',
    options: { ...SOON, purgeTimeout: 1 },
    before: [udp(100)],
    steps: [
      send(alive(1000, Flag.HELLO_BACK)),
      ...numbers(3).map((n) => insert(udp(n))),
      send(data(NEW, 1001, peerFlow(1)), data(NEW, 1002, peerFlow(2))),
      command(Request.FLUSH_INTERNAL),
      miss(1003, 0, 30),
      mark(udp(2), 3),
      command(Request.FLUSH_EXTERNAL),
      send(data(UPD, 1004, peerFlow(3))),
      command(Request.FLUSH_CACHES_CT),
      remove(udp(1)),
      command(Request.RESYNC_KERNEL_CT),
      command(Request.RESET_TIMERS),
      command(Request.FLUSH_EXTERNAL),
      wait(1300),
      command(Request.RESYNC_KERNEL_CT),
      insert(udp(4)),
      command(Request.RESET_TIMERS),
      command(Request.FLUSH_CACHES_ALL),
      insert(udp(5)),
      command(Request.RESET_TIMERS),
      command(Request.COMMIT_ALL),
      wait(1300),
      command(Request.FLUSH_KERNEL_CT),
      wait(100),
    ],
  },
  {
    name: 'caches that are full',
    options: { ...SOON, hashLimit: 3 },
    before: numbers(3, 50).map((n) => udp(n)),
    steps: [
      send(alive(1000, Flag.HELLO_BACK)),
      insert(udp(1)),
      mark(udp(1), 4),
      ...numbers(3, 50).map((n) => remove(udp(n))),
      insert(udp(2)),
      acknowledge(1001, 0, 40),
      insert(udp(3)),
      insert(udp(4)),
      mark(udp(1), 5),
      send(...numbers(5).map((n) => data(NEW, 1001 + n, peerFlow(n)))),
      send(
        data(UPD, 1007, peerFlow(5)),
        data(NEW, 1008, peerFlow(1)),
        data(DEL, 1009, peerFlow(2)),
        data(UPD, 1010, peerFlow(5)),
      ),
    ],
  },
  {
    name: 'changes that the node finds in one turn',
    options: SOON,
    steps: [
      send(alive(1000, Flag.HELLO | Flag.HELLO_BACK)),
      // In its first turn a node takes one event.
      atOnce(insert(udp(1)), mark(udp(1), 1), mark(udp(1), 2)),
      atOnce(insert(udp(2)), mark(udp(2), 1)),
      atOnce(mark(udp(2), 2), remove(udp(2))),
      atOnce(insert(udp(2)), remove(udp(2))),
      atOnce(insert(udp(3)), remove(udp(3)), insert(udp(3))),
      atOnce(remove(udp(3)), insert(udp(3)), mark(udp(3), 9)),
      atOnce(
        send(data(NEW, 1001, peerFlow(1))),
        insert(udp(4)),
        send(data(NEW, 1005, peerFlow(2))),
        insert(udp(5)),
      ),
      atOnce(send(resync(1006)), mark(udp(1), 7), remove(udp(4))),
      acknowledge(1007, 0, 100),
    ],
  },
  {
    name: 'NOTRACK',
    options: { ...COMMIT, mode: 'notrack' },
    before: [tcp(100)],
    steps: [
      send(data(NEW, 1000, peerFlow(1))),
      send(data(NEW, 1010, peerFlow(2), Flag.HELLO)),
      send(data(NEW, 1002, peerFlow(3))),
      send(data(UPD, 1003, peerFlow(3, { mark: 4 }))),
      insert(udp(1)),
      atOnce(insert(udp(2)), mark(udp(2), 1)),
      mark(udp(1), 4),
      remove(udp(1)),
      atOnce(insert(udp(3)), remove(udp(3))),
      send(ack(1004, 1, 1)),
      send(nack(1004, 1, 1)),
      send(alive(1004)),
      send(resync(1005)),
      wait(1300),
      command(Request.SEND_BULK),
      command(Request.REQUEST_RESYNC),
      send(data(9, 1006, peerFlow(1))),
      command(Request.COMMIT_ALL),
      send(resync(1006)),
    ],
  },
  {
    name: 'NOTRACK without internal cache',
    options: { ...COMMIT, mode: 'notrack', disableInternalCache: true },
    before: [udp(100), udp(101)],
    steps: [
      insert(udp(1)),
      mark(udp(1), 1),
      remove(udp(100)),
      wait(1300),
      send(data(NEW, 1000, peerFlow(1))),
      command(Request.COMMIT_ALL),
      send(alive(1005)),
      ...numbers(20, 10).map((n) => insert(udp(n))),
      wait(1300),
      command(Request.RESYNC_KERNEL_ALL),
      command(Request.FLUSH_INTERNAL),
      wait(1300),
    ],
  },
  {
    name: 'FT-FW without external cache',
    options: { disableExternalCache: true, startupResync: true },
    before: [udp(1)],
    steps: [
      send(data(NEW, 1000, peerFlow(1, { timeout: 300 }))),
      send(data(NEW, 1001, peerFlow(1, { timeout: 300, mark: 3 }))),
      send(data(UPD, 1002, peerFlow(1, { timeout: 300, mark: 4 }))),
      send(data(UPD, 1003, peerFlow(2, { timeout: 300, mark: 4 }))),
      send(data(DEL, 1004, peerFlow(3))),
      send(data(DEL, 1005, peerFlow(1))),
      send(data(NEW, 1006, peerFlow(4))),
      send(data(UPD, 1007, peerFlow(4))),
      send(
        data(
          NEW,
          1008,
          peerFlow(5, { timeout: 300, status: Status.CONFIRMED | Status.SEEN_REPLY | Status.ASSURED }),
        ),
      ),
      send(data(UPD, 1009, peerFlow(5, { timeout: 300 }))),
      command(Request.COMMIT_ALL),
      mark(udp(1), 8),
      wait(1200),
    ],
  },
  {
    name: 'ALARM',
    options: { ...COMMIT, mode: 'alarm', refreshTime: 1000, cacheTimeout: 100 },
    before: [tcp(100)],
    steps: [
      send(data(NEW, 1000, peerFlow(1))),
      send(data(NEW, 1005, peerFlow(2))),
      send(data(UPD, 3, peerFlow(2, { mark: 4 }))),
      send(data(DEL, 4, peerFlow(1))),
      send(data(NEW, 5, peerFlow(3), Flag.HELLO), alive(6), ack(7, 1, 1), resync(8), control(0, 9)),
      send(data(9, 10, peerFlow(5))),
      send(spoilt(data(NEW, 1003, peerFlow(3)), 9, 3)),
      bytes(1, 2, 3),
      insert(udp(1)),
      mark(udp(1), 4),
      atOnce(mark(udp(1), 5), remove(udp(1))),
      atOnce(insert(udp(2)), mark(udp(2), 1)),
      command(Request.SEND_BULK),
      command(Request.REQUEST_RESYNC),
      send(data(UPD, 10, peerFlow(7))),
      command(Request.COMMIT_ALL),
    ],
  },
  {
    name: 'ALARM: refreshes, and records that lapse',
    options: { ...COMMIT, mode: 'alarm', refreshTime: 1, cacheTimeout: 2 },
    unordered: true,
    before: [tcp(100)],
    steps: [
      insert(udp(1)),
      send(data(NEW, 1000, peerFlow(1)), data(NEW, 1001, peerFlow(2))),
      insert(udp(2)),
      mark(udp(2), 5),
      wait(1000),
      send(data(UPD, 1002, peerFlow(2))),
      wait(1000),
      remove(udp(1)),
      wait(600),
      send(data(NEW, 1003, peerFlow(3))),
      wait(800),
      send(alive(7)),
    ],
  },
  {
    name: 'ALARM: a node that slept takes what it receives for old',
    options: { ...COMMIT, mode: 'alarm', cacheTimeout: 2 },
    steps: [
      send(data(NEW, 1000, peerFlow(1))),
      wait(2600),
      send(data(NEW, 1001, peerFlow(2))),
      wait(2600),
      send(data(NEW, 1001, peerFlow(3))),
    ],
  },
];

import { describe, expect, it } from 'vitest';
import { writeNativeU32 } from '../../src/bytes/endian.ts';
import { CtnetlinkMessage, Subsystem } from '../../src/kernel/codec/ctnetlink-numbers.ts';
import { withoutEchoes } from '../../src/kernel/ctnetlink/echo-filter.ts';
import { compileEventFilter } from '../../src/kernel/ctnetlink/event-filter.ts';
import { messagePort, NetlinkWriter } from '../../src/system/netlink.ts';
import { checkedProgram, runProgram } from '../support/bpf.ts';

/** The kernel gives a process's second socket a port like the first, and negative ones to those after it. */
const PORTS = [0x1234_5678, 0xf000_0002, 4242, 1];

function event(message: number, port: number, subsystem: number = Subsystem.FLOW): Uint8Array {
  const writer = new NetlinkWriter(256);
  const at = writer.message(subsystem, message, 0, 1, 0);
  writer.endMessage(at);
  const bytes = writer.bytes.slice(0, writer.at);
  writeNativeU32(bytes, 12, port);
  expect(messagePort(bytes, 0)).toBe(port);
  return bytes;
}

const passes = (program: Uint8Array, message: Uint8Array): boolean =>
  runProgram(checkedProgram(program), message) !== 0;

describe.each(PORTS)('a filter of echoes of port %i', (port) => {
  const program = withoutEchoes(port);

  it('drops what our requests create and change', () => {
    expect(passes(program, event(CtnetlinkMessage.NEW, port))).toBe(false);
    expect(passes(program, event(CtnetlinkMessage.NEW, port, Subsystem.EXPECTATION))).toBe(false);
  });

  it('passes what they end: a dump may still show it', () => {
    expect(passes(program, event(CtnetlinkMessage.DELETE, port))).toBe(true);
  });

  it("passes the kernel's own changes and everybody else's", () => {
    for (const other of [0, port + 1, port ^ 0xff00, ...PORTS.filter((each) => each !== port)]) {
      expect(passes(program, event(CtnetlinkMessage.NEW, other >>> 0))).toBe(true);
      expect(passes(program, event(CtnetlinkMessage.DELETE, other >>> 0))).toBe(true);
    }
  });
});

it('leaves to a program behind it what is no echo', () => {
  const nothing = compileEventFilter({
    protocols: { logic: 'accept', numbers: [] },
    addresses: undefined,
    tcpStates: undefined,
  });
  const everything = compileEventFilter({ protocols: undefined, addresses: undefined, tcpStates: undefined });
  for (const program of [nothing, everything]) {
    const filter = withoutEchoes(7, program);
    for (const message of [CtnetlinkMessage.NEW, CtnetlinkMessage.DELETE]) {
      expect(passes(filter, event(message, 8))).toBe(passes(program, event(message, 8)));
    }
    expect(passes(filter, event(CtnetlinkMessage.NEW, 7))).toBe(false);
  }
});

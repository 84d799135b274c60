/**
 * Compiles the Filter clause to a classic BPF program for the event socket (`Filter From Kernelspace`). An
 * event that the program drops does not wake this process.
 *
 * The program passes what `FlowFilter` accepts, so replication is the same in either place. It passes a
 * message that lacks the attribute of a test, and every message that is not about a flow: expectations have
 * a filter of their own.
 *
 * The C node's program differs from its own filter in user space, and so from this one. It tests the
 * original destination instead of the reply source; accepts a flow only if both addresses are listed; treats
 * an empty list, and for an IPv4 flow a list without IPv4 addresses, as no filter; drops IPv6 flows if the
 * list accepts IPv4 addresses; drops the end of a flow because of its state; keeps 127 IPv4 and 20 IPv6
 * addresses, and matches only about 84 of the IPv4 ones. This module's interop test compares each of these
 * with a running C node.
 *
 * The instructions are those of `linux/filter.h`. A message starts at offset 0 of the data that the program
 * sees; loads of more than a byte are in network byte order. The kernel charges a program to the socket's
 * option memory: with the `net.core.optmem_max` of 20,480 bytes that Linux had before 6.8, it takes about
 * 1,000 instructions and rejects longer programs with ENOMEM.
 */

import { LITTLE_ENDIAN } from '../../bytes/endian.ts';
import type { AddressRange, FilterRules } from '../../sync/flow-filter.ts';
import { ATTRIBUTE_HEADER, HEADERS } from '../../system/netlink.ts';
import { Bpf, BpfProgram, DROP, KEEP, type Label } from '../../system/packet/bpf-program.ts';
import {
  Cta,
  CtaIp,
  CtaProto,
  CtaProtoinfo,
  CtaTcp,
  CtaTuple,
  CtnetlinkMessage,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  Subsystem,
} from '../codec/ctnetlink-numbers.ts';

/** Maximum number of instructions that the kernel takes (BPF_MAXINSNS). */
export const EVENT_FILTER_MAX = 4096;

// SKF_AD_OFF + SKF_AD_NLATTR and + SKF_AD_NLATTR_NEST: a byte load from there sets A to the offset of the
// attribute of type X, or to 0 if there is none. The first searches the attributes from offset A on, the
// second those nested in the attribute at A.
const FIND = 0xfffff00c;
const FIND_INSIDE = 0xfffff010;

/** Offsets of the two bytes of a message's type, which is in this machine's byte order. */
const MESSAGE_AT = LITTLE_ENDIAN ? 4 : 5;
const SUBSYSTEM_AT = LITTLE_ENDIAN ? 5 : 4;
const FAMILY_AT = 16;

/**
 * Points X at the attribute found by following `path`, type by type through the nests; continues at
 * `missing` if there is none.
 */
function find(program: BpfProgram, path: readonly number[], missing: Label): Label {
  program.put(Bpf.COPY_TO_X, 0);
  for (let level = path.length - 1; level >= 0; level--) {
    program.test(0, missing, program.head);
    program.put(Bpf.LOAD_BYTE, level === 0 ? FIND : FIND_INSIDE);
    program.put(Bpf.LOAD_X_NUMBER, path[level]!);
  }
  return program.put(Bpf.LOAD_NUMBER, HEADERS);
}

/**
 * Compiles the program that drops events of flows that `rules` reject, for `Libc.attachFilter`.
 * @throws RangeError if the program is too long for the kernel
 */
export function compileEventFilter(rules: FilterRules): Uint8Array {
  const program = new BpfProgram();
  const drop = program.put(Bpf.RETURN, DROP);
  const keep = program.put(Bpf.RETURN, KEEP);

  let next = keep;
  if (rules.tcpStates) {
    const { logic, states } = rules.tcpStates;
    next = testState(program, states, next, ...branches(logic, next, drop));
  }
  if (rules.addresses) {
    const { logic, networks } = rules.addresses;
    next = testAddresses(program, networks, next, ...branches(logic, next, drop));
  }
  if (rules.protocols) {
    const { logic, numbers } = rules.protocols;
    const [listed, unlisted] = branches(logic, next, drop);
    testNumber(program, numbers, listed, unlisted);
    next = find(program, [Cta.TUPLE_ORIG, CtaTuple.PROTO, CtaProto.NUM], next);
  }
  program.test(Subsystem.FLOW, next, keep);
  program.put(Bpf.LOAD_BYTE, SUBSYSTEM_AT);

  if (program.head > EVENT_FILTER_MAX) {
    throw new RangeError(
      `\`Filter From Kernelspace' makes a program of ${program.head} instructions, and the kernel takes ` +
        `${EVENT_FILTER_MAX}: list fewer addresses, or use \`Filter From Userspace'`,
    );
  }
  return program.bytes();
}

/** Where to continue for a value that is listed, and for one that is not. */
function branches(logic: 'accept' | 'ignore', next: Label, drop: Label): [listed: Label, unlisted: Label] {
  return logic === 'accept' ? [next, drop] : [drop, next];
}

/** Tests the byte in the attribute that X points at. */
function testNumber(program: BpfProgram, numbers: readonly number[], listed: Label, unlisted: Label): void {
  program.testAny(numbers, listed, unlisted);
  program.put(Bpf.LOAD_BYTE_BEHIND_X, ATTRIBUTE_HEADER);
}

/**
 * Tests the TCP state, but passes the end of a flow in any state: its state is then a closing one, and the
 * peer may know the flow.
 */
function testState(
  program: BpfProgram,
  states: readonly number[],
  next: Label,
  listed: Label,
  unlisted: Label,
): Label {
  testNumber(program, states, listed, unlisted);
  const test = find(program, [Cta.PROTOINFO, CtaProtoinfo.TCP, CtaTcp.STATE], next);
  program.test(CtnetlinkMessage.DELETE, next, test);
  return program.put(Bpf.LOAD_BYTE, MESSAGE_AT);
}

/** Tests the two real endpoints: the original source and the reply source. */
function testAddresses(
  program: BpfProgram,
  networks: readonly AddressRange[],
  next: Label,
  listed: Label,
  unlisted: Label,
): Label {
  const testFamily = (family: 4 | 6, source: number): Label => {
    const own = networks.filter((network) => network.family === family);
    if (own.length === 0) return unlisted;
    let entry = unlisted;
    for (const tuple of [Cta.TUPLE_REPLY, Cta.TUPLE_ORIG]) {
      program.goto(testNetworks(program, own, 0, listed, entry));
      entry = find(program, [tuple, CtaTuple.IP, source], next);
    }
    return entry;
  };
  const v6 = testFamily(6, CtaIp.V6_SRC);
  const v4 = testFamily(4, CtaIp.V4_SRC);
  program.test(NFPROTO_IPV4, v4, program.test(NFPROTO_IPV6, v6, next));
  return program.put(Bpf.LOAD_BYTE, FAMILY_AT);
}

/**
 * Tests the address in the attribute that X points at, from its 32-bit word `word` on, against networks that
 * agree in the words before. Networks with the same word share its test.
 */
function testNetworks(
  program: BpfProgram,
  networks: readonly AddressRange[],
  word: number,
  listed: Label,
  unlisted: Label,
): Label {
  let entry = unlisted;
  for (const [mask, sameMask] of group(networks, ({ prefix }) => maskOf(prefix, word))) {
    const otherwise = entry;
    const values = [...group(sameMask, ({ bytes }) => (wordOf(bytes, word) & mask) >>> 0)];
    const targets = values.map(([value, same]): [number, Label] => {
      const whole = same.some(({ prefix }) => prefix <= 32 * (word + 1));
      return [value, whole ? listed : testNetworks(program, same, word + 1, listed, otherwise)];
    });
    for (const [value, target] of targets) entry = program.test(value, target, entry);
    if (mask !== 0xffffffff) program.put(Bpf.AND, mask);
    entry = program.put(Bpf.LOAD_WORD_BEHIND_X, ATTRIBUTE_HEADER + 4 * word);
  }
  return entry;
}

function group<T>(items: readonly T[], keyOf: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const found = groups.get(key);
    if (found) found.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** The part of a prefix's netmask that falls into one 32-bit word of an address. */
function maskOf(prefix: number, word: number): number {
  const bits = Math.min(Math.max(prefix - 32 * word, 0), 32);
  return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
}

function wordOf(bytes: Uint8Array, word: number): number {
  const at = 4 * word;
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

import { LITTLE_ENDIAN } from '../../bytes/endian.ts';
import { Bpf, BpfProgram, DROP, KEEP } from '../../system/packet/bpf-program.ts';
import { CtnetlinkMessage } from '../codec/ctnetlink-numbers.ts';

/** Offsets in struct nlmsghdr: of nlmsg_pid, and of the low byte of nlmsg_type, which is in this machine's byte order. */
const PORT_AT = 12;
const MESSAGE_AT = LITTLE_ENDIAN ? 4 : 5;

/**
 * Puts a test before a program for the event socket: events of what requests from `port` created or changed are dropped, so that
 * they do not wake this process. Events of what they ended pass, like everybody else's.
 * @param port netlink port (u32) of the socket that sends the requests
 * @param program classic BPF that decides about all other messages, as for `Libc.attachFilter`; by default they pass
 */
export function withoutEchoes(port: number, program: Uint8Array = passAll()): Uint8Array {
  const test = new BpfProgram();
  const others = test.head;
  const echo = test.put(Bpf.RETURN, DROP);
  test.test(CtnetlinkMessage.NEW, echo, others);
  const ours = test.put(Bpf.LOAD_BYTE, MESSAGE_AT);
  test.test(inNetworkOrder(port), ours, others);
  test.put(Bpf.LOAD_WORD, PORT_AT);
  const bytes = test.bytes();
  const both = new Uint8Array(bytes.length + program.length);
  both.set(bytes);
  both.set(program, bytes.length);
  return both;
}

function passAll(): Uint8Array {
  const program = new BpfProgram();
  program.put(Bpf.RETURN, KEEP);
  return program.bytes();
}

/** What a load of a word in network byte order makes of a number in this machine's. */
function inNetworkOrder(value: number): number {
  if (!LITTLE_ENDIAN) return value;
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

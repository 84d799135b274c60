import { LITTLE_ENDIAN, networkWord } from '../../bytes/endian.ts';
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
  // A load of a word takes it for one in network byte order.
  test.test(networkWord(port) >>> 0, ours, others);
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

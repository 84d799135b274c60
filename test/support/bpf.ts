// Classic BPF as the kernel runs it over a netlink message or a packet: net/core/filter.c and lib/nlattr.c, as far as our filters go.
// A native program in bytes; the message, too, is in this machine's byte order where netlink is.

import { readNativeU16, readNativeU32 } from '../../src/bytes/endian.ts';
import { align4 } from '../../src/system/netlink.ts';

export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** The program's instructions, held to what the kernel checks: every jump lands inside, and the last one returns. */
export function checkedProgram(bytes: Uint8Array): Instruction[] {
  const count = bytes.length / 8;
  if (!Number.isInteger(count) || count < 1 || count > 4096) throw new Error(`${count} instructions`);
  const program = Array.from({ length: count }, (_, n) => ({
    code: readNativeU16(bytes, 8 * n),
    jt: bytes[8 * n + 2]!,
    jf: bytes[8 * n + 3]!,
    k: readNativeU32(bytes, 8 * n + 4),
  }));
  for (const [n, { code, jt, jf, k }] of program.entries()) {
    const farthest = code === 0x05 ? k : code === 0x15 ? Math.max(jt, jf) : 0;
    if (n + 1 + farthest >= count && code !== 0x06)
      throw new Error(`instruction ${n} leads out of the program`);
  }
  if (program.at(-1)!.code !== 0x06) throw new Error('the last instruction does not return');
  return program;
}

/** Where the first attribute of a type begins in `message[from, end)`; 0 if there is none (nla_find). */
function find(message: Uint8Array, from: number, end: number, type: number): number {
  for (let at = from; end - at >= 4; ) {
    const length = readNativeU16(message, at);
    if (length < 4 || length > end - at) return 0;
    if ((readNativeU16(message, at + 2) & 0x3fff) === type) return at;
    at += align4(length);
  }
  return 0;
}

/** What the kernel knows of a packet beside its bytes. */
export interface PacketFacts {
  readonly etherType: number;
  /** `PACKET_*` of linux/if_packet.h. */
  readonly packetType: number;
}

/** What the program returns: 0 drops the message. A load from outside the message ends the program with 0. */
export function runProgram(
  program: readonly Instruction[],
  message: Uint8Array,
  { etherType, packetType }: PacketFacts = { etherType: 0, packetType: 0 },
): number {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  let a = 0;
  let x = 0;
  for (let pc = 0; ; pc++) {
    const { code, jt, jf, k } = program[pc]!;
    const byteAt = (at: number) => at < message.length && at >= 0;
    const wordAt = (at: number) => at >= 0 && at + 4 <= message.length;
    switch (code) {
      case 0x00:
        a = k;
        break;
      case 0x01:
        x = k;
        break;
      case 0x07:
        x = a;
        break;
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x05:
        pc += k;
        break;
      case 0x15:
        pc += a === k ? jt : jf;
        break;
      case 0x06:
        return k;
      case 0x30:
        if (k === 0xfffff00c) {
          a = a > message.length - 4 ? 0 : find(message, a, message.length, x);
        } else if (k === 0xfffff010) {
          if (a > message.length - 4 || readNativeU16(message, a) > message.length - a) a = 0;
          else a = find(message, a + 4, a + readNativeU16(message, a), x);
        } else if (byteAt(k)) {
          a = message[k]!;
        } else {
          return 0;
        }
        break;
      case 0x20:
        if (k === 0xfffff000) a = etherType;
        else if (k === 0xfffff004) a = packetType;
        else if (k + 4 > message.length) return 0;
        else a = view.getUint32(k);
        break;
      case 0x28:
      case 0x48: {
        const at = code === 0x28 ? k : x + k;
        if (!byteAt(at) || !byteAt(at + 1)) return 0;
        a = view.getUint16(at);
        break;
      }
      case 0xb1:
        if (!byteAt(k)) return 0;
        x = 4 * (message[k]! & 0x0f);
        break;
      case 0x40:
        if (!wordAt(x + k)) return 0;
        a = view.getUint32(x + k);
        break;
      case 0x50:
        if (!byteAt(x + k)) return 0;
        a = message[x + k]!;
        break;
      default:
        throw new Error(`instruction ${pc} has the code 0x${code.toString(16)}`);
    }
  }
}

/**
 * Classic BPF programs, for `Libc.attachFilter`. Codes and fields are those of `struct sock_filter` in `linux/filter.h`; loads of
 * more than a byte are in network byte order.
 */

import { writeNativeU16, writeNativeU32 } from '../../bytes/endian.ts';

/** Codes of instructions: BPF_LD | BPF_IMM, BPF_LDX | BPF_IMM and so on. A is the accumulator, X the index register. */
export const Bpf = {
  LOAD_NUMBER: 0x00,
  LOAD_X_NUMBER: 0x01,
  LOAD_WORD: 0x20,
  LOAD_HALF: 0x28,
  LOAD_BYTE: 0x30,
  LOAD_WORD_BEHIND_X: 0x40,
  LOAD_HALF_BEHIND_X: 0x48,
  LOAD_BYTE_BEHIND_X: 0x50,
  /** X becomes four times the low half of a byte: the size of an IPv4 header. */
  LOAD_X_IPV4_HEADER: 0xb1,
  AND: 0x54,
  COPY_TO_X: 0x07,
  JUMP: 0x05,
  JUMP_IF_EQUAL: 0x15,
  RETURN: 0x06,
} as const;

/** A return value of 0 drops the message or packet; any other is the number of bytes to keep. */
export const DROP = 0;
export const KEEP = 0xffffffff;

/** Bytes of an instruction. */
const INSTRUCTION_SIZE = 8;

/**
 * A conditional jump reaches at most 255 instructions; one is reserved for the detour of its other branch.
 */
const NEAR = 254;

/** A position in the program: the number of instructions from it to the end. */
export type Label = number;

interface Instruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly k: number;
}

/**
 * A program under construction, written from its end: BPF jumps only go forwards, so every jump target is
 * known when the jump is written. Each new instruction goes before all others and falls through to them.
 */
export class BpfProgram {
  /** In reverse order. */
  private readonly instructions: Instruction[] = [];
  /**
   * By target: the last unconditional jump to it, for conditional jumps that cannot reach the target
   * themselves.
   */
  private readonly detours = new Map<Label, Label>();

  /** The current start of the program. */
  get head(): Label {
    return this.instructions.length;
  }

  /** @param code one of {@link Bpf} */
  put(code: number, k: number, ifTrue = 0, ifFalse = 0): Label {
    return this.instructions.push({ code, ifTrue, ifFalse, k });
  }

  /** Makes the instruction that is written next continue at `to`. */
  goto(to: Label): Label {
    return to === this.head ? to : this.put(Bpf.JUMP, this.head - to);
  }

  /** Continues at `yes` if A equals `k`, else at `no`. */
  test(k: number, yes: Label, no: Label): Label {
    const elsewhere = this.near(no);
    const there = this.near(yes);
    return this.put(Bpf.JUMP_IF_EQUAL, k, this.head - there, this.head - elsewhere);
  }

  /** Continues at `listed` if A equals one of `numbers`, else at `unlisted`. */
  testAny(numbers: readonly number[], listed: Label, unlisted: Label): Label {
    let entry = unlisted;
    for (const number of numbers) entry = this.test(number, listed, entry);
    return this.goto(entry);
  }

  /** The instructions, 8 bytes each, in this machine's byte order. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.instructions.length * INSTRUCTION_SIZE);
    let at = 0;
    for (const { code, ifTrue, ifFalse, k } of this.instructions.toReversed()) {
      writeNativeU16(bytes, at, code);
      bytes[at + 2] = ifTrue;
      bytes[at + 3] = ifFalse;
      writeNativeU32(bytes, at + 4, k);
      at += INSTRUCTION_SIZE;
    }
    return bytes;
  }

  /** `to`, or a jump to it that a conditional jump can reach. */
  private near(to: Label): Label {
    if (this.head - to <= NEAR) return to;
    const known = this.detours.get(to);
    if (known !== undefined && this.head - known <= NEAR) return known;
    const detour = this.goto(to);
    this.detours.set(to, detour);
    return detour;
  }
}

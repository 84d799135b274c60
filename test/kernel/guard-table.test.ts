import { describe, expect, it } from 'vitest';
import { GuardTable } from '../../src/kernel/nftables/guard-table.ts';
import { Errno } from '../../src/system/errno.ts';
import type { Libc } from '../../src/system/libc.ts';

/** A kernel that answers each message of a datagram, in order; `errnoOf` gives the answer, undefined for none. */
function kernelWith(errnoOf: (type: number, isTransaction: boolean) => number | undefined) {
  const answers: Uint8Array[] = [];
  const closed: number[] = [];
  const system = {
    socket: () => 9,
    bind: () => {},
    close: (fd: number) => closed.push(fd),
    setsockoptInt: () => {},
    getsockoptInt: () => 1 << 20,
    setTimeout: () => {},
    error: (call: string, errno: number) => new Error(`${call}: ${errno}`),
    sendTo(_fd: number, bytes: Uint8Array, length: number) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
      const isTransaction = view.getUint16(4, little) === 0x10;
      for (let at = 0; at < length; at += view.getUint32(at, little)) {
        const errno = errnoOf(view.getUint16(at + 4, little) & 0xff, isTransaction);
        if (errno === undefined) continue;
        const answer = new Uint8Array(36);
        const written = new DataView(answer.buffer);
        written.setUint32(0, 36, little);
        written.setUint16(4, 2, little);
        written.setUint32(8, view.getUint32(at + 8, little), little);
        written.setInt32(16, -errno, little);
        answers.push(answer);
      }
      return length;
    },
    receive(_fd: number, buffer: Uint8Array) {
      const answer = answers.shift();
      if (answer === undefined) return -Errno.EAGAIN;
      buffer.set(answer);
      return answer.length;
    },
  };
  return { system: system as unknown as Libc, closed };
}

const OPTIONS = { interfaces: ['in0'], allow: [], timeoutMs: 10_000 };
const BEGIN = 0x10;
const END = 0x11;
const NEW_TABLE = 0;

/** Why the table cannot be made; the socket must be closed then. */
function refusal(errnoOf: (type: number, isTransaction: boolean) => number | undefined): string {
  const { system, closed } = kernelWith(errnoOf);
  try {
    new GuardTable(system, OPTIONS);
  } catch (error) {
    expect(closed).toEqual([9]);
    return (error as Error).message;
  }
  throw new Error('the table was made');
}

describe('a kernel that cannot have the guard', () => {
  const acknowledged = (type: number, isTransaction: boolean) =>
    isTransaction && (type === BEGIN || type === END) ? undefined : 0;

  it('is accepted where it acknowledges all messages', () => {
    const { system, closed } = kernelWith(acknowledged);
    new GuardTable(system, OPTIONS);
    expect(closed).toEqual([]);
  });

  it.each([
    [Errno.EOPNOTSUPP, 'the kernel has no nf_tables (load nf_tables'],
    [Errno.EINVAL, 'the kernel has no nf_tables'],
    [Errno.EPERM, 'nf_tables: needs CAP_NET_ADMIN (run as root)'],
    [Errno.ENOMEM, 'nf_tables: Cannot allocate memory'],
  ])('follows from its answer to a probe: %i', (errno, message) => {
    expect(refusal((type, isTransaction) => (isTransaction ? acknowledged(type, true) : errno))).toContain(
      message,
    );
  });

  it.each([
    [Errno.EINVAL, 'needs Linux 5.12 or newer'],
    [Errno.EOPNOTSUPP, 'needs Linux 5.12 or newer'],
    [Errno.EEXIST, 'there is a table inet conntrackd-ts already: nft delete table inet conntrackd-ts'],
    [Errno.EPERM, 'another process owns the table inet conntrackd-ts'],
  ])('follows from its answer to the new table: %i', (errno, message) => {
    expect(
      refusal((type, isTransaction) =>
        isTransaction && type === NEW_TABLE ? errno : acknowledged(type, isTransaction),
      ),
    ).toContain(message);
  });

  it('is reported where it refuses the whole transaction', () => {
    expect(
      refusal((type, isTransaction) => {
        if (!isTransaction) return 0;
        return type === BEGIN ? Errno.ENOMEM : undefined;
      }),
    ).toContain('nf_tables: Cannot allocate memory');
  });

  it('is given up where it does not answer', () => {
    expect(refusal((_, isTransaction) => (isTransaction ? undefined : 0))).toContain(
      'left a request unanswered',
    );
  });
});

import { bind, check, memoryAt } from '../native.ts';

/** `PROT_*` and `MAP_*` of `sys/mman.h`. */
const READ_WRITE = 0x3;
const SHARED_AND_POPULATED = 0x8001;
const PAGE = 4096;
const NOTHING = new ArrayBuffer(0);

interface Calls {
  readonly mmap: (
    at: number,
    length: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => number;
  readonly munmap: (at: number, length: number) => number;
}

let bound: Calls | undefined;

function calls(): Calls {
  bound ??= {
    mmap: bind('int64_t mmap(int64_t, size_t, int, int, int, int64_t)'),
    munmap: bind('int munmap(int64_t, size_t)'),
  };
  return bound;
}

/** Memory that this process shares with the kernel, mmap(2). */
export class MappedMemory {
  /** All of it in this machine's words; empty once it is unmapped. */
  words: Int32Array;
  /** All of it in this machine's double words. */
  longs: BigUint64Array;
  private readonly address: number;
  private readonly length: number;

  /**
   * @param bytes rounded up to whole pages
   * @param offset what of the descriptor is mapped
   * @throws SystemError
   */
  constructor(fd: number, bytes: number, offset: number) {
    this.length = Math.ceil(bytes / PAGE) * PAGE;
    this.address = Number(
      check('mmap', calls().mmap(0, this.length, READ_WRITE, SHARED_AND_POPULATED, fd, offset)),
    );
    const buffer = memoryAt(this.address, this.length);
    this.words = new Int32Array(buffer);
    this.longs = new BigUint64Array(buffer);
  }

  /** Gives it back; nobody else may hold {@link words} or {@link longs} then. */
  unmap(): void {
    if (this.words.length === 0) return;
    this.words = new Int32Array(NOTHING);
    this.longs = new BigUint64Array(NOTHING);
    calls().munmap(this.address, this.length);
  }
}

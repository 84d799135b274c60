import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { run } from '../../sim/netns/process.ts';

const root = new URL('../../dist/src/system/', import.meta.url).href;

/** Opens a ring, after a filter (seccomp(2)) has refused the system call of the given number to this thread. */
const CHILD = `
import { writeSync } from 'node:fs';
const { bind, check } = await import(process.argv[1] + 'native.js');
const { NativeMemory } = await import(process.argv[1] + 'native-memory.js');
const { openSendRing } = await import(process.argv[1] + 'io-uring/send-ring.js');
const { libc } = await import(process.argv[1] + 'libc.js');
const prctl = bind('int prctl(int, uint64_t, uint64_t, uint64_t, uint64_t)');
const program = new NativeMemory(48);
program.words[0] = 4;
program.point(8, 16);
program.words.set([0x20, 0, 0x15 | (1 << 24), Number(process.argv[2]), 0x06, 0x50001, 0x06, 0x7fff0000], 4);
check('PR_SET_NO_NEW_PRIVS', prctl(38, 1, 0, 0, 0));
check('PR_SET_SECCOMP', prctl(22, 2, program.address, 0, 0));
writeSync(1, openSendRing(libc(), 4) === undefined ? 'none' : 'opened');
// The event loop of newer Nodes has a ring of its own, and aborts where the filter refuses that something.
process.kill(process.pid, 'SIGKILL');
`;

const openWithout = (call: number) =>
  run(process.execPath, ['--input-type=module', '-e', CHILD, root, String(call)]);

describe.skipIf(availableParallelism() < 2)('a ring of sends', () => {
  it.each([
    ['io_uring_setup', 425, 'none'],
    ['io_uring_enter', 426, 'none'],
    ['io_uring_register, which it does not need', 427, 'opened'],
  ])('where a filter refuses %s', async (_, call, outcome) => {
    expect(await openWithout(call)).toMatchObject({ stdout: outcome, stderr: '' });
  });
});

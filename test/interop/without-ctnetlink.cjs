// Runs a program as on a kernel without nfnetlink: a seccomp filter makes socket(AF_NETLINK, _, NETLINK_NETFILTER)
// fail with EPROTONOSUPPORT. x86-64 only. Usage: node without-ctnetlink.cjs PROGRAM ARG...
const koffi = require('koffi');

const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const SYS_SOCKET = 41;
const AF_NETLINK = 16;
const NETLINK_NETFILTER = 12;
const EPROTONOSUPPORT = 93;
const ERRNO = 0x00050000;
const ALLOW = 0x7fff0000;

const LOAD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const instructions = [
  [LOAD, 0, 0, 0],
  [JUMP_IF_EQUAL, 0, 5, SYS_SOCKET],
  [LOAD, 0, 0, 16],
  [JUMP_IF_EQUAL, 0, 3, AF_NETLINK],
  [LOAD, 0, 0, 32],
  [JUMP_IF_EQUAL, 0, 1, NETLINK_NETFILTER],
  [RETURN, 0, 0, ERRNO | EPROTONOSUPPORT],
  [RETURN, 0, 0, ALLOW],
];

const code = Buffer.alloc(8 * instructions.length);
instructions.forEach(([operation, ifTrue, ifFalse, value], n) => {
  code.writeUInt16LE(operation, 8 * n);
  code[8 * n + 2] = ifTrue;
  code[8 * n + 3] = ifFalse;
  code.writeUInt32LE(value, 8 * n + 4);
});
const program = koffi.alloc('uint8_t', code.length);
koffi.encode(program, koffi.array('uint8_t', code.length), [...code]);
const filter = Buffer.alloc(16);
filter.writeUInt16LE(instructions.length, 0);
filter.writeBigUInt64LE(koffi.address(program), 8);

const libc = koffi.load('libc.so.6');
const setFlag = libc.func('int prctl(int, ulong, ulong, ulong, ulong)');
const setFilter = libc.func('int prctl(int, ulong, void *, ulong, ulong)');
const exec = libc.func('int execv(const char *, const char **)');
if (setFlag(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error('prctl: no new privileges');
if (setFilter(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0) !== 0) throw new Error('prctl: seccomp');
// Node marks what it inherited, the standard streams too, to be closed on exec.
const keepOpen = libc.func('int fcntl(int, int, int)');
const F_SETFD = 2;
for (const stream of [0, 1, 2]) keepOpen(stream, F_SETFD, 0);
const [, , path, ...args] = process.argv;
exec(path, [path, ...args, null]);
throw new Error(`cannot execute ${path}`);

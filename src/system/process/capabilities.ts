/**
 * Capabilities (capabilities(7)) of the calling thread, as sets in a bigint: bit N is capability N.
 *
 * The kernel keeps them for each thread. A process cannot change those of its other threads, and Node has a dozen before the
 * first line of a program runs. So who wants a process without them changes its main thread, and then starts a program: all
 * threads of the new program have what that thread had.
 */

import { bind, check } from '../native.ts';

/** `linux/capability.h`. */
export const Capability = {
  DAC_OVERRIDE: 1,
  NET_BIND_SERVICE: 10,
  NET_ADMIN: 12,
  NET_RAW: 13,
  SYS_NICE: 23,
} as const;

/** `linux/capability.h`: two words for each set. */
const VERSION_3 = 0x20080522;

/** `linux/prctl.h`. */
const PR_SET_KEEPCAPS = 8;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_GET_NO_NEW_PRIVS = 39;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;

/** Capabilities that a kernel may know. */
const CAPABILITIES_MAX = 64;

export interface ThreadPrivileges {
  readonly permitted: bigint;
  /** What a program that this thread starts can get at most, even as root. */
  readonly bounding: bigint;
  /** No program that this thread starts gets more than it has. */
  readonly noNewPrivileges: boolean;
}

export function capabilitySet(numbers: readonly number[]): bigint {
  return numbers.reduce((set, number) => set | (1n << BigInt(number)), 0n);
}

let prctlCall: ((option: number, a: number, b: number, c: number, d: number) => number) | undefined;

function prctl(option: number, a: number, b: number): number {
  prctlCall ??= bind('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
  return prctlCall!(option, a, b, 0, 0);
}

/** @throws SystemError */
export function threadPrivileges(): ThreadPrivileges {
  let bounding = 0n;
  for (let number = 0; number < CAPABILITIES_MAX; number++) {
    // EINVAL for a number that the kernel does not know.
    if (prctl(PR_CAPBSET_READ, number, 0) === 1) bounding |= capabilitySet([number]);
  }
  return { permitted: permitted(), bounding, noNewPrivileges: prctl(PR_GET_NO_NEW_PRIVS, 0, 0) === 1 };
}

/** Takes everything else out of the thread's bounding set. Needs CAP_SETPCAP, if there is something else. @throws SystemError */
export function limitBoundingSet(keep: bigint): void {
  for (let number = 0; number < CAPABILITIES_MAX; number++) {
    const isKept = (keep & capabilitySet([number])) !== 0n;
    if (isKept || prctl(PR_CAPBSET_READ, number, 0) !== 1) continue;
    check(`prctl PR_CAPBSET_DROP ${number}`, prctl(PR_CAPBSET_DROP, number, 0));
  }
}

/** Lets the thread's permitted capabilities survive a change from root to another user. @throws SystemError */
export function keepCapabilitiesOfUser(): void {
  check('prctl PR_SET_KEEPCAPS', prctl(PR_SET_KEEPCAPS, 1, 0));
}

/**
 * Leaves the thread those of its permitted capabilities that are in `keep`.
 * @param inherit whether a program that it starts gets them (ambient set); root's gets its bounding set anyway
 * @throws SystemError
 */
export function limitCapabilities(keep: bigint, inherit: boolean): void {
  const left = permitted() & keep;
  const inheritable = inherit ? left : 0n;
  const low = (set: bigint): number => Number(set & 0xffff_ffffn);
  const high = (set: bigint): number => Number(set >> 32n);
  const capset = bind<(header: Uint32Array, data: Uint32Array) => number>(
    'int capset(const uint32_t *, const uint32_t *)',
  );
  const words = [low(left), low(left), low(inheritable), high(left), high(left), high(inheritable)];
  check('prctl PR_CAP_AMBIENT', prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0));
  check('capset', capset(Uint32Array.of(VERSION_3, 0), Uint32Array.from(words)));
  for (let number = 0; number < CAPABILITIES_MAX; number++) {
    if ((inheritable & capabilitySet([number])) === 0n) continue;
    check('prctl PR_CAP_AMBIENT', prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number));
  }
}

/** Set-user-id bits and capabilities of files give programs that this thread starts nothing any more. @throws SystemError */
export function forbidNewPrivileges(): void {
  check('prctl PR_SET_NO_NEW_PRIVS', prctl(PR_SET_NO_NEW_PRIVS, 1, 0));
}

function permitted(): bigint {
  const capget = bind<(header: Uint32Array, data: Uint32Array) => number>(
    'int capget(uint32_t *, _Out_ uint32_t *)',
  );
  const data = new Uint32Array(6);
  check('capget', capget(Uint32Array.of(VERSION_3, 0), data));
  return (BigInt(data[4]!) << 32n) | BigInt(data[1]!);
}

/**
 * Runs a command on another kernel, under QEMU, over this machine's files: it reads them, and what it writes stays in the memory of
 * the virtual machine. Without KVM all takes some 15 times as long.
 */

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findProgram } from '../netns/find-program.ts';
import { until } from '../netns/until.ts';
import { buildInitrd, EXIT_MARK, type Share, shareOf } from './initrd.ts';
import type { Kernel } from './kernels.ts';

/** How many times as long a step may take in a machine whose processor is emulated. */
export const EMULATION_PATIENCE = 15;

export interface MachineOptions {
  readonly kernel: Kernel;
  /** For bash, run as root in `directory`. */
  readonly command: string;
  readonly directory: string;
  readonly memoryMiB: number;
  /** Milliseconds until the machine counts as hanging and is killed. */
  readonly timeoutMs: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Called with each line of the command's output. */
  readonly onLine: (line: string) => void;
  /** Kills the machine. */
  readonly signal?: AbortSignal;
}

/** QEMU's own copy is not in PATH. */
const VIRTIOFSD_PLACES = ['/usr/lib/qemu/virtiofsd', '/usr/libexec/virtiofsd'];

/** KVM opens, and hangs, on some machines whose processor shows no virtualization. */
export function hasKvm(): boolean {
  if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))) return false;
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts a program that ends with this process, even if this one is killed. */
function spawnBound(program: string, args: readonly string[], stdio: StdioOptions): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], { stdio });
}

/**
 * Boots the kernel, runs the command, and switches the machine off. Resolves to the command's exit code.
 * @throws Error with the end of the kernel's console if the command did not end
 */
export async function runInVirtualMachine(options: MachineOptions): Promise<number> {
  const { kernel, command, directory, environment = {}, signal } = options;
  signal?.throwIfAborted();
  const scratch = mkdtempSync(join(tmpdir(), 'conntrackd-ts-vm-'));
  const children: ChildProcess[] = [];
  const killAll = () => {
    for (const child of children) child.kill('SIGKILL');
  };
  signal?.addEventListener('abort', killAll);
  try {
    const share = await shareOf(kernel);
    const variables = { PATH: process.env.PATH ?? '', HOME: '/root', ...environment };
    const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}`);
    const script = [...exports, `cd ${quote(directory)}`, command, ''].join('\n');
    const initrd = await buildInitrd(scratch, { kernel, share, script });
    if (share === 'virtiofs') children.push(await startVirtiofsd(scratch));
    return await boot(options, { initrd, share, scratch, children });
  } finally {
    signal?.removeEventListener('abort', killAll);
    killAll();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function startVirtiofsd(scratch: string): Promise<ChildProcess> {
  const program = VIRTIOFSD_PLACES.map(findProgram).find((found) => found !== undefined);
  if (program === undefined)
    throw new Error(`a kernel without 9p needs virtiofsd: ${VIRTIOFSD_PLACES.join(', ')}`);
  const path = join(scratch, 'virtiofs');
  const child = spawnBound(
    program,
    [`--socket-path=${path}`, '-o', 'source=/', '-o', 'cache=always', '-o', 'sandbox=chroot'],
    'ignore',
  );
  await until('virtiofsd listens', () => findSocket(path));
  return child;
}

function findSocket(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch (error) {
    // A socket is there, and cannot be opened.
    return (error as NodeJS.ErrnoException).code === 'ENXIO';
  }
}

interface Parts {
  readonly initrd: string;
  readonly share: Share;
  readonly scratch: string;
  readonly children: ChildProcess[];
}

function shareArguments(share: Share, scratch: string, memoryMiB: number): string[] {
  if (share === '9p')
    return ['-virtfs', 'local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap'];
  return [
    ...['-object', `memory-backend-memfd,id=mem,size=${memoryMiB}M,share=on`, '-numa', 'node,memdev=mem'],
    ...['-chardev', `socket,id=files,path=${join(scratch, 'virtiofs')}`],
    ...['-device', 'vhost-user-fs-pci,chardev=files,tag=root'],
  ];
}

/**
 * Newer kernels panic under QEMU 7.2's emulation: with two processors now and then, where they change their own code
 * (in `sched_clock_idle_wakeup_event`, seen), and at cmpxchg16b.
 */
function processorArguments({ release }: Kernel): string[] {
  if (hasKvm()) return ['-accel', 'kvm', '-cpu', 'host', '-smp', '2'];
  return ['-accel', 'tcg', '-cpu', 'max,-cx16', '-smp', release.startsWith('6.1.') ? '2' : '1'];
}

async function boot(options: MachineOptions, { initrd, share, scratch, children }: Parts): Promise<number> {
  const { kernel, memoryMiB, timeoutMs, onLine } = options;
  const console = join(scratch, 'console');
  const machine = spawnBound(
    'qemu-system-x86_64',
    [
      ...processorArguments(kernel),
      ...['-m', String(memoryMiB), '-no-reboot', '-nographic', '-nodefaults'],
      ...['-kernel', join(kernel.directory, 'boot', `vmlinuz-${kernel.release}`), '-initrd', initrd],
      ...['-append', 'console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off'],
      ...['-serial', `file:${console}`, '-serial', 'stdio'],
      ...['-object', 'rng-random,filename=/dev/urandom,id=rng', '-device', 'virtio-rng-pci,rng=rng'],
      ...shareArguments(share, scratch, memoryMiB),
    ],
    ['ignore', 'pipe', 'pipe'],
  );
  children.push(machine);
  let code: number | undefined;
  let trouble = '';
  machine.stderr!.setEncoding('utf8').on('data', (text: string) => {
    trouble = (trouble + text).slice(-2_000);
  });
  createInterface({ input: machine.stdout! }).on('line', (line) => {
    const text = line.replaceAll('\r', '');
    // What the command wrote last may not end its line.
    const [before = '', exit] = text.split(`${EXIT_MARK} `);
    if (before !== '' || exit === undefined) onLine(before);
    if (exit !== undefined) code = Number(exit);
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    machine.kill('SIGKILL');
  }, timeoutMs);
  await new Promise<void>((resolve, reject) => {
    machine.once('error', reject);
    machine.once('close', () => resolve());
  }).finally(() => clearTimeout(timer));
  if (code !== undefined) return code;
  const why = timedOut ? `did not end within ${timeoutMs} ms` : 'ended before the command did';
  throw new Error(`the machine with kernel ${kernel.name} ${why}\n${trouble}${readTail(console)}`);
}

function readTail(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-4_000);
  } catch {
    return '';
  }
}

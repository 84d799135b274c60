/** This process and others like it. */

import { readlinkSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { openEventLoop } from '../../system/loop/event-loop.ts';
import type { EventLoopFact, NodeProcess, Privileges } from '../facts.ts';
import { attempt, namesIn, textAt } from './look.ts';

/** Bit of CAP_NET_ADMIN in the masks of /proc/self/status, capabilities(7). */
const CAP_NET_ADMIN = 12n;
/** Processes looked at, at most. */
const PROCESSES_MAX = 100_000;

export async function eventLoopHere(): Promise<EventLoopFact> {
  const warnings: string[] = [];
  const { description, trouble } = await openEventLoop(process.env, (text) => warnings.push(text));
  return { description, warnings, ...(trouble !== undefined && { trouble }) };
}

export function privileges(): Privileges {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(textAt('/proc/self/status') ?? '')?.[1];
  return {
    root: process.geteuid?.() === 0,
    netAdmin: mask === undefined ? undefined : ((BigInt(`0x${mask}`) >> CAP_NET_ADMIN) & 1n) === 1n,
  };
}

const NODE_NAMES: ReadonlySet<string> = new Set(['conntrackd', 'conntrackd-ts']);

export function nodeProcesses(): NodeProcess[] {
  const own = attempt(() => readlinkSync('/proc/self/ns/net'));
  const program = attempt(() => realpathSync(process.argv[1]!));
  const found: NodeProcess[] = [];
  const pids = namesIn('/proc').filter((name) => /^\d+$/.test(name));
  for (const pid of pids.slice(0, PROCESSES_MAX)) {
    if (Number(pid) === process.pid) continue;
    // A process that names itself, as our daemon does, has spaces between its arguments.
    const words = textAt(`/proc/${pid}/cmdline`)?.split(/[\0 ]/);
    if (words === undefined) continue;
    const at = words.slice(0, 3).findIndex((word) => NODE_NAMES.has(basename(word)) || word === program);
    if (at < 0 || !isProgram(words, at)) continue;
    const namespace = attempt(() => readlinkSync(`/proc/${pid}/ns/net`));
    const here = own === undefined || namespace === undefined ? undefined : namespace === own;
    found.push({ pid: Number(pid), name: basename(words[at]!), here });
  }
  return found;
}

/** True where the word is the program that runs, itself or as Node's script, and what stands behind it begins a daemon. */
function isProgram(words: readonly string[], at: number): boolean {
  return isDaemon(words.slice(at + 1)) && (at === 0 || basename(words[0]!).startsWith('node'));
}

/** A daemon has no options but these; a sub-command is the first word, and a request to the daemon an option. */
const DAEMON_OPTION = /^-[dC]/;

/** @param args behind the program's name; the last may be empty */
export function isDaemon(args: readonly string[]): boolean {
  const [first = ''] = args;
  if (first !== '' && !first.startsWith('-')) return false;
  return args.every((word) => !word.startsWith('-') || DAEMON_OPTION.test(word));
}

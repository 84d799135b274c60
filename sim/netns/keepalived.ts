import { readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodePaths } from './configuration.ts';
import { adaptedExample } from './examples.ts';
import type { Firewall, Lab } from './lab.ts';
import { environment, type Program } from './node.ts';
import { ADDRESSES, INSIDE_LINK, OUTSIDE_LINK } from './topology.ts';
import { until } from './until.ts';

/** nft text that lets VRRP (IP protocol 112) through the firewalls' rule set. */
export const VRRP_RULES = `
add rule inet lab incoming meta l4proto vrrp accept
add rule inet lab arriving meta l4proto vrrp notrack
add rule inet lab leaving meta l4proto vrrp notrack
`;

/**
 * A running keepalived: it elects the master with the other firewall's keepalived, and gives the node its role by a script
 * or a FIFO.
 */
export interface Keepalived {
  /** Its log. */
  log(): string;
  /** Whether the firewall has all virtual IPv4 addresses. */
  holdsAddresses(): Promise<boolean>;
  /** Waits until it has them. */
  untilMaster(timeout?: number): Promise<void>;
  /** Waits until it has taken part in the election and has none of them. */
  untilBackup(timeout?: number): Promise<void>;
  /** SIGKILL, to all of its processes: it can neither resign nor take its addresses away. */
  kill(): Promise<void>;
}

/** The FIFO to which keepalived writes instead of calling a script. */
export interface NotifyFifo {
  readonly fifo: string;
}

/** A script instead of Debian's: in each state it calls the program with these arguments, one call after the other. */
export interface CommandScript {
  readonly program: Program;
  readonly commands: Readonly<Record<'primary' | 'backup' | 'fault', readonly string[]>>;
}

/**
 * Starts keepalived on a firewall that has a node, with Debian's example configuration.
 * @param how the program that Debian's script calls, a script in its place, or the FIFO that replaces any script
 */
export async function startKeepalived(
  lab: Lab,
  firewall: Firewall,
  how: Program | CommandScript | NotifyFifo,
): Promise<Keepalived> {
  const { namespace, side } = firewall;
  const directory = join(lab.directory, `keepalived-${side}`);
  await mkdir(directory);
  const text =
    'fifo' in how
      ? fifoConfiguration(await virtualAddresses(), how.fifo)
      : scriptConfiguration(await virtualAddresses(), await writeScript(directory, firewall, how));
  const configuration = join(directory, 'keepalived.conf');
  await writeFile(configuration, text);

  const file = (name: string) => join(directory, name);
  const args = [
    ...['--dont-fork', '--log-console', '--no-syslog', '--vrrp', '--use-file', configuration],
    ...['--pid', file('pid'), '--vrrp_pid', file('vrrp-pid')],
  ];
  const env = 'fifo' in how ? {} : environment('commands' in how ? how.program : how, firewall.node().paths);
  const child = await namespace.start('keepalived', args, { env: { ...process.env, ...env } });
  let log = '';
  child.onLine((line) => {
    log += `${line}\n`;
  });
  const fullLog = () => `${log}${child.stderr()}`;
  const wanted = [ADDRESSES.insideVirtual.v4, ADDRESSES.outsideVirtual.v4];

  const held = async () => {
    const text = await namespace.must('ip', ['-4', '-o', 'addr', 'show']);
    return wanted.filter((address) => text.includes(` ${address}/`)).length;
  };
  const untilOrLog = async (what: string, probe: () => Promise<boolean>, timeout?: number) => {
    try {
      await until(`keepalived of ${side}: ${what}`, probe, timeout);
    } catch (error) {
      throw new Error(`${(error as Error).message}; its log:\n${fullLog()}`);
    }
  };
  return {
    log: fullLog,
    holdsAddresses: async () => (await held()) === wanted.length,
    untilMaster: (timeout) => untilOrLog('master', async () => (await held()) === wanted.length, timeout),
    untilBackup: (timeout) =>
      untilOrLog(
        'backup',
        async () => fullLog().includes('Entering BACKUP STATE') && (await held()) === 0,
        timeout,
      ),
    async kill() {
      for (const pid of [...childrenOf(child.pid), child.pid]) process.kill(pid, 'SIGKILL');
      await child.ended;
    },
  };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

export async function writeScript(
  directory: string,
  { node }: Firewall,
  how: Program | CommandScript,
): Promise<string> {
  const { paths } = node();
  if (!('commands' in how)) return writeDebianScript(directory, paths, how);
  const call = `${await oneWord(directory, how.program)} -C ${paths.configuration}`;
  const cases = Object.entries(how.commands).map(
    ([role, commands]) => `${role})\n${commands.map((args) => `  ${call} ${args}\n`).join('')}  ;;\n`,
  );
  return writeExecutable(join(directory, 'notify.sh'), `#!/bin/sh\ncase $1 in\n${cases.join('')}esac\n`);
}

/** Debian's script with the three paths at its head replaced. */
async function writeDebianScript(directory: string, paths: NodePaths, program: Program): Promise<string> {
  const text = await adaptedExample('sync/primary-backup.sh', [
    ['CONNTRACKD_BIN=/usr/sbin/conntrackd', `CONNTRACKD_BIN=${await oneWord(directory, program)}`],
    ['CONNTRACKD_LOCK=/var/lock/conntrack.lock', `CONNTRACKD_LOCK=${paths.lockFile}`],
    ['CONNTRACKD_CONFIG=/etc/conntrackd/conntrackd.conf', `CONNTRACKD_CONFIG=${paths.configuration}`],
  ]);
  return writeExecutable(join(directory, 'primary-backup.sh'), text);
}

/** The path of a single executable file for the program, as an installed package has in a `bin` directory. */
async function oneWord(directory: string, { command, args }: Program): Promise<string> {
  if (args.length === 0) return command;
  return writeExecutable(
    join(directory, 'conntrackd'),
    `#!/bin/sh\nexec ${[command, ...args].map((word) => `'${word}'`).join(' ')} "$@"\n`,
  );
}

async function writeExecutable(path: string, text: string): Promise<string> {
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}

const SCRIPT = '/etc/conntrackd/primary-backup.sh';

/** Debian's example with the laboratory's addresses and interfaces. */
async function virtualAddresses(): Promise<string> {
  return adaptedExample('sync/keepalived.conf', [
    ['interface eth1', `interface ${INSIDE_LINK}`],
    ['interface eth0', `interface ${OUTSIDE_LINK}`],
    ['192.168.0.100 ', `${ADDRESSES.insideVirtual.v4} `],
    ['192.168.1.100', ADDRESSES.outsideVirtual.v4],
    // The minimum of VRRP version 2, in seconds: the backup notices a dead master after 3.7 instead of 9.7.
    ['advert_int 3', 'advert_int 1'],
  ]);
}

function scriptConfiguration(example: string, script: string): string {
  const text = example.replaceAll(SCRIPT, script);
  return `global_defs {\n  enable_script_security\n  script_user root\n}\n${text}`;
}

/** Sends the sync group's state changes to the FIFO, and removes every line that calls a script. */
function fifoConfiguration(example: string, fifo: string): string {
  const text = example
    .split('\n')
    .filter((line) => !line.trim().startsWith('notify_'))
    .join('\n');
  if (text.includes(SCRIPT)) throw new Error(`${SCRIPT} is called from somewhere else than a notify line`);
  return `global_defs {\n  vrrp_notify_fifo ${fifo}\n}\n${text}`;
}

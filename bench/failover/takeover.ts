import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeScript } from '../../sim/netns/keepalived.ts';
import type { Firewall, Lab } from '../../sim/netns/lab.ts';
import { environment } from '../../sim/netns/node.ts';
import { acquisitionCommands } from '../../sim/netns/topology.ts';
import { CLIENTS } from '../pair/pair.ts';
import { fifoOf, type Way } from './way.ts';

/** Milliseconds of the monotonic clock, which every process of the machine reads alike. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Real-time priority of the process that moves the addresses, so that other load does not prolong the move. */
const MOVE_PRIORITY = 50;

/** A role as keepalived and the script call it. */
const ROLE_WORDS = {
  primary: { script: 'primary', fifo: 'MASTER' },
  backup: { script: 'backup', fifo: 'BACKUP' },
} as const;

/** Makes shell text that tells a firewall's node its role, in the manner of the way. */
export type Teller = (role: keyof typeof ROLE_WORDS) => string;

export async function tellerOf(firewall: Firewall, { teller }: Way): Promise<Teller> {
  switch (teller.kind) {
    case 'script': {
      const { paths } = firewall.node();
      const client = CLIENTS[teller.client];
      const script = await writeScript(paths.directory, firewall, client);
      const assignments = Object.entries(environment(client, paths)).map(
        ([name, value]) => `${name}='${value}'`,
      );
      return (role) => `${assignments.join(' ')} '${script}' ${ROLE_WORDS[role].script}`;
    }
    case 'fifo': {
      const fifo = fifoOf(firewall.node().paths);
      return (role) => `echo 'GROUP "G1" ${ROLE_WORDS[role].fifo} 0' > '${fifo}'`;
    }
    case 'nobody':
      return () => ':';
  }
}

/** A firewall's takeover, ready to happen at a word. */
export interface Takeover {
  /** Moves the addresses and tells the node; resolves with the time at which the addresses had moved. */
  run(): Promise<number>;
}

/**
 * Starts the shell that does what keepalived does: first it adds the addresses and announces them, then it tells the node.
 * It is one process that waits, so that every way has the same few milliseconds between the two.
 */
export async function prepareTakeover(lab: Lab, firewall: Firewall, tell: Teller): Promise<Takeover> {
  const commands = join(lab.directory, 'takeover');
  await writeFile(commands, `${acquisitionCommands().join('\n')}\n`);
  const move = `chrt --fifo ${MOVE_PRIORITY} ip -batch '${commands}'`;
  const text = `read word && ${move} && echo moved && { ${tell('primary')}; } > /dev/null; read end`;
  const shell = await firewall.namespace.start('sh', ['-c', text]);
  return {
    run() {
      const moved = new Promise<number>((resolve, reject) => {
        shell.onLine((line) => {
          if (line === 'moved') resolve(monotonicMs());
        });
        void shell.ended.then(() => reject(new Error(`the takeover ended: ${shell.stderr()}`)));
      });
      shell.send('go');
      return moved;
    },
  };
}

import { join } from 'node:path';
import type { NodePaths } from '../../sim/netns/configuration.ts';
import { ConfigError } from '../../src/config/error.ts';
import { parseSettings } from '../../src/settings/parse.ts';
import type { Implementation } from '../figure.ts';

/** How a node learns that it is primary now. */
export type Teller =
  /** Debian's primary-backup.sh calls the client. */
  | { readonly kind: 'script'; readonly client: Implementation }
  /** keepalived's line in its notify FIFO. */
  | { readonly kind: 'fifo' }
  /** Nobody: nothing is to be done, or the bench shows what happens when nothing is done. */
  | { readonly kind: 'nobody' };

/** A way to hand the connections over: which programs, and who gives them their roles. */
export interface Way {
  readonly name: string;
  readonly title: string;
  readonly node: Implementation;
  readonly teller: Teller;
  /** Our own settings, where the way needs some. */
  readonly settings?: (paths: NodePaths) => string;
  /** Both nodes write what they receive into their kernel at once (`DisableExternalCache`), so nothing is committed. */
  readonly isHotStandby?: boolean;
  /** Shows that the bench measures what it should; runs only where it is named. */
  readonly control?: 'nobody dies' | 'nobody commits';
}

export const fifoOf = ({ directory }: NodePaths): string => join(directory, 'keepalived.fifo');

const NOBODY: Teller = { kind: 'nobody' };
const fifoSettings = (paths: NodePaths): string =>
  `[failover]\nkeepalived_fifo = "${fifoOf(paths)}"\ngroup = "G1"\n`;

/** In the order in which they are printed. */
export const WAYS: readonly Way[] = [
  { name: 'c-script', title: 'C, script', node: 'c', teller: { kind: 'script', client: 'c' } },
  {
    name: 'ours-script',
    title: 'ours, script',
    node: 'ours',
    teller: { kind: 'script', client: 'ours' },
  },
  {
    name: 'ours-script-c',
    title: "ours, script with C's client",
    node: 'ours',
    teller: { kind: 'script', client: 'c' },
  },
  { name: 'ours-fifo', title: 'ours, FIFO', node: 'ours', teller: { kind: 'fifo' }, settings: fifoSettings },
  {
    name: 'ours-guard',
    title: 'ours, FIFO and guard',
    node: 'ours',
    teller: { kind: 'fifo' },
    settings: (paths) => `${fifoSettings(paths)}\n[failover.guard]\ninterfaces = ["in0", "out0"]\n`,
  },
  { name: 'c-hot', title: 'C, hot standby', node: 'c', teller: NOBODY, isHotStandby: true },
  { name: 'ours-hot', title: 'ours, hot standby', node: 'ours', teller: NOBODY, isHotStandby: true },
  { name: 'no-failover', title: 'no failover', node: 'c', teller: NOBODY, control: 'nobody dies' },
  { name: 'no-commit', title: 'no commit', node: 'c', teller: NOBODY, control: 'nobody commits' },
];

/** Whether this program knows the settings of a way. */
export function isSupported({ settings }: Way): boolean {
  if (settings === undefined) return true;
  const directory = '/nowhere';
  const paths = { directory } as NodePaths;
  try {
    parseSettings(settings(paths), 'settings of a way');
    return true;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return false;
  }
}

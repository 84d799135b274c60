import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import { KEY_SIZE } from '../link/sealed/key.ts';

const USAGE = `Usage: conntrackd-ts genkey
Prints a random key for the file that key_file in [links] of the settings file names:
  umask 077; conntrackd-ts genkey > /etc/conntrackd/link.key
All nodes have the same file. It has one or two keys, a line each: the first one seals, each of them opens.
`;

/** `genkey`. Resolves to the exit code. */
export async function runGenkey(
  args: readonly string[],
  { stdout, stderr }: { readonly stdout: Writable; readonly stderr: Writable },
): Promise<0 | 1> {
  if (args.length === 1 && (args[0] === '-h' || args[0] === '--help')) {
    stdout.write(USAGE);
    return 0;
  }
  if (args.length > 0) {
    stderr.write(`genkey takes no arguments, found \`${args[0]}'\n${USAGE}`);
    return 1;
  }
  stdout.write(`${randomBytes(KEY_SIZE).toString('base64')}\n`);
  return 0;
}

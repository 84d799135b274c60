/** iptables of Debian, for what nft cannot say. */

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, unpackPackages } from './debian-packages.ts';

/** With the libraries that it needs beside libc. */
const PACKAGES: readonly string[] = [
  'iptables',
  'libip4tc2',
  'libip6tc2',
  'libmnl0',
  'libnetfilter-conntrack3',
  'libnfnetlink0',
  'libnftnl11',
  'libxtables12',
];

/** Runs the program by its name, with what lies beside it; the one folder of libraries has the name of the architecture. */
const WRAPPER = `#!/bin/sh
root=$(dirname "$0")/..
for LD_LIBRARY_PATH in "$root"/usr/lib/*; do :; done
export LD_LIBRARY_PATH XTABLES_LIBDIR="$LD_LIBRARY_PATH/xtables"
exec "$root/usr/sbin/xtables-nft-multi" "$(basename "$0")" "$@"
`;

/** Downloads iptables, unless the cache has it. Returns a folder with `iptables` and `iptables-save`, as nft's rules. */
export async function iptablesPrograms(): Promise<string> {
  const directory = join(CACHE, 'iptables');
  await unpackPackages(directory, PACKAGES, {
    finish: async (unpacked) => {
      const programs = join(unpacked, 'programs');
      mkdirSync(programs);
      writeFileSync(join(programs, 'iptables'), WRAPPER);
      chmodSync(join(programs, 'iptables'), 0o755);
      symlinkSync('iptables', join(programs, 'iptables-save'));
    },
  });
  return join(directory, 'programs');
}

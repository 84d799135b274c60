/** The programs with which tests on other kernels make traffic: Debian's, for the virtual machine alone. */

import { join } from 'node:path';
import { CACHE, unpackPackages } from '../netns/debian-packages.ts';
import { prometheusPrograms } from '../netns/prometheus.ts';

/** With the libraries that they need beside libc. Installed here, the servers among them would run and stay. */
const PACKAGES: readonly string[] = [
  'tftp-hpa',
  'tftpd-hpa',
  'rpcbind',
  'libwrap0',
  'libtirpc3',
  'libtirpc-common',
];

/** The commands of a shell that put the programs where the virtual machine finds them; it keeps what it writes in memory. */
export async function provideProgramsCommand(): Promise<string> {
  const directory = join(CACHE, 'programs');
  await unpackPackages(directory, PACKAGES);
  // It has no network, and reads what it would download from the same cache.
  await prometheusPrograms();
  return `tar -C '${directory}' -cf - . | tar -C / -xf - --keep-directory-symlink --skip-old-files
ldconfig
# The user as which rpcbind runs.
id _rpc > /dev/null 2>&1 || echo '_rpc:x:399:65534::/run/rpcbind:/usr/sbin/nologin' >> /etc/passwd`;
}

// The programs that the laboratory needs, from Debian's packages.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';

const PACKAGES = {
  ip: 'iproute2',
  nft: 'nftables',
  conntrack: 'conntrack',
  conntrackd: 'conntrackd',
  tcpdump: 'tcpdump',
  tshark: 'tshark',
  keepalived: 'keepalived',
  ping: 'iputils-ping',
  // By its full name: the other netcat of Debian has no -q, -6 or -U.
  'nc.openbsd': 'netcat-openbsd',
  ss: 'iproute2',
  sysctl: 'procps',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  prlimit: 'util-linux',
  chrt: 'util-linux',
  nsenter: 'util-linux',
  systemctl: 'systemd',
  tc: 'iproute2',
  python3: 'python3',
  // With all it needs: it is also the first program of a virtual machine.
  busybox: 'busybox-static',
  'qemu-system-x86_64': 'qemu-system-x86',
  cpio: 'cpio',
  nfct: 'nfct',
  modprobe: 'kmod',
  // The package's completions and manual are read by what reads them.
  zsh: 'zsh',
  fish: 'fish',
  man: 'man-db',
};

const PLACES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

function isInstalled(program) {
  return PLACES.some((place) => {
    try {
      accessSync(`${place}/${program}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Which of these programs, by default all of the laboratory, this machine lacks. */
export function missingPrograms(programs = Object.keys(PACKAGES)) {
  return programs.filter((program) => !isInstalled(program));
}

/** Why nothing that needs a kernel can run here; undefined if it can, programs apart. */
export function unfit() {
  if (process.platform !== 'linux') return `needs Linux (this is ${process.platform})`;
  if (process.getuid() !== 0) return 'needs root';
  return undefined;
}

/** Installs what is missing of these programs, where that is possible. Returns what still is. */
export function installMissing(programs = Object.keys(PACKAGES)) {
  const missing = missingPrograms(programs);
  if (missing.length === 0 || !isInstalled('apt-get')) return missing;
  const packages = [...new Set(missing.map((program) => PACKAGES[program]))];
  console.log(`installing Debian packages: ${packages.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    const { status, stderr } = spawnSync('apt-get', args, {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (status !== 0) console.error(`apt-get ${args[0]} failed:\n${stderr}`);
  }
  return missingPrograms(programs);
}

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Architecture } from './architecture.ts';
import { addContents } from './deb-contents.ts';
import { FileTree } from './file-tree.ts';
import type { Release } from './release.ts';
import { ROOT } from './root.ts';

const MAINTAINER_SCRIPTS = ['postinst', 'prerm', 'postrm'];

/** Builds the Debian package in a scratch folder. Returns the path of the package, which is in `out`. */
export function buildDeb(architecture: Architecture, release: Release, scratch: string, out: string): string {
  const tree = new FileTree(join(scratch, architecture.debian));
  addContents(tree, architecture, release);
  const installed = tree.files();
  const kibibytes = tree.kibibytes();

  tree.addText('/DEBIAN/control', controlText(architecture, release, kibibytes));
  const conffiles = installed.filter((path) => path.startsWith('/etc/'));
  tree.addText('/DEBIAN/conffiles', lines(conffiles));
  const sums = installed.map(
    (path) => `${createHash('md5').update(tree.read(path)).digest('hex')}  ${path.slice(1)}`,
  );
  tree.addText('/DEBIAN/md5sums', lines(sums));
  for (const name of MAINTAINER_SCRIPTS) {
    tree.addFile(`/DEBIAN/${name}`, join(ROOT, 'packaging/debian', name), 0o755);
  }
  tree.setTimes(release.epochSeconds);

  const deb = join(out, `conntrackd-ts_${release.version}_${architecture.debian}.deb`);
  // One thread: how many there are changes how xz cuts its blocks. The level keeps a slow machine from taking minutes.
  execFileSync(
    'dpkg-deb',
    ['--root-owner-group', '--threads-max=1', '-Zxz', '-z3', '--build', tree.root, deb],
    { env: { ...process.env, SOURCE_DATE_EPOCH: String(release.epochSeconds) }, stdio: 'pipe' },
  );
  return deb;
}

function controlText({ debian }: Architecture, { version, maintainer }: Release, kibibytes: number): string {
  return `Package: conntrackd-ts
Version: ${version}
Architecture: ${debian}
Maintainer: ${maintainer}
Installed-Size: ${kibibytes}
Depends: libc6 (>= 2.28), libgcc-s1 | libgcc1, libstdc++6 (>= 5)
Suggests: conntrack, keepalived, logrotate, nftables
Section: net
Priority: optional
Homepage: https://conntrack-tools.netfilter.org/
Description: connection tracking replication daemon, compatible with conntrackd
 A stateful firewall keeps a table of the connections that pass through it.
 This daemon replicates the table to a stand-by firewall, so that connections
 outlive a failover.
 .
 It speaks the protocol of netfilter's conntrackd, reads its configuration
 file and takes its command line, so that one node of a pair can be replaced.
 .
 The package brings the Node.js that it runs on, which no other program sees.
`;
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}

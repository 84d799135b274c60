import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Architecture, NODE_VERSION } from './architecture.ts';
import { copyrightText, fileName } from './copyright.ts';
import { unpackedPackage } from './download.ts';
import type { FileTree } from './file-tree.ts';
import { addKoffi, bundledModules } from './modules.ts';
import type { Release } from './release.ts';
import { ROOT } from './root.ts';

const PROGRAM = '/usr/lib/conntrackd-ts';
const SHARE = '/usr/share/conntrackd-ts';
const DOCUMENTS = '/usr/share/doc/conntrackd-ts';

/** Adds all that the Debian package installs for this architecture. */
export function addContents(tree: FileTree, architecture: Architecture, release: Release): void {
  const node = unpackedPackage({
    name: `node-linux-${architecture.node}`,
    version: NODE_VERSION,
    integrity: architecture.nodeIntegrity,
  });
  tree.addFile(`${PROGRAM}/bin/node`, join(node, 'bin/node'), 0o755);
  addProgram(tree);
  // All other packages that the program needs are in it.
  addKoffi(tree, `${PROGRAM}/node_modules`, architecture);

  addConfiguration(tree);
  addGenerated(tree);
  addExamples(tree);
  addDocuments(tree, release);
  const modules = bundledModules();
  tree.addText(`${DOCUMENTS}/copyright`, copyrightText(modules, NODE_VERSION));
  tree.addCompressed(`${DOCUMENTS}/licences/node`, readFileSync(join(node, 'LICENSE')));
  for (const { name, licenseText } of modules) {
    tree.addText(`${DOCUMENTS}/licences/${fileName(name)}`, licenseText);
  }
}

function addProgram(tree: FileTree): void {
  tree.addFile(`${PROGRAM}/bin/conntrackd-ts`, join(ROOT, 'bin/conntrackd-ts'), 0o755);
  tree.addLink('/usr/sbin/conntrackd-ts', '../lib/conntrackd-ts/bin/conntrackd-ts');
  tree.addFile(`${PROGRAM}/package.json`, join(ROOT, 'package.json'));
  tree.addFolder(`${PROGRAM}/dist/program`, join(ROOT, 'dist/program'), () => true);
}

function addConfiguration(tree: FileTree): void {
  const packaging = (name: string) => join(ROOT, 'packaging', name);
  tree.addFile('/usr/lib/systemd/system/conntrackd-ts.service', packaging('systemd/conntrackd-ts.service'));
  // Few lines that stay as they are: dpkg asks about each file that the operator and a new version have both changed.
  tree.addFile('/etc/conntrackd/conntrackd-ts.toml', packaging('debian/conntrackd-ts.toml'));
  tree.addFile('/etc/logrotate.d/conntrackd-ts', packaging('logrotate/conntrackd-ts'));
  tree.addFile('/usr/share/lintian/overrides/conntrackd-ts', packaging('debian/lintian-overrides'));
}

/** What is made from the program's own texts and tables. */
function addGenerated(tree: FileTree): void {
  const made = (name: string) => join(ROOT, 'dist/share', name);
  tree.addFile(`${SHARE}/conntrackd-ts.toml`, made('conntrackd-ts.toml'));
  tree.addCompressed('/usr/share/man/man8/conntrackd-ts.8', readFileSync(made('man/conntrackd-ts.8')));
  tree.addCompressed(
    '/usr/share/man/man5/conntrackd-ts.toml.5',
    readFileSync(made('man/conntrackd-ts.toml.5')),
  );
  tree.addFile(
    '/usr/share/bash-completion/completions/conntrackd-ts',
    made('completions/conntrackd-ts.bash'),
  );
  tree.addFile('/usr/share/zsh/vendor-completions/_conntrackd-ts', made('completions/_conntrackd-ts'));
  tree.addFile(
    '/usr/share/fish/vendor_completions.d/conntrackd-ts.fish',
    made('completions/conntrackd-ts.fish'),
  );
}

function addExamples(tree: FileTree): void {
  for (const folder of ['grafana', 'prometheus', 'replace', 'wireshark']) {
    tree.addFolder(`${SHARE}/${folder}`, join(ROOT, 'packaging', folder), () => true);
  }
}

function addDocuments(tree: FileTree, { version, maintainer, epochSeconds }: Release): void {
  for (const name of ['README.md', 'SECURITY.md']) {
    tree.addFile(`${DOCUMENTS}/${name}`, join(ROOT, name));
  }
  tree.addFolder(`${DOCUMENTS}/docs`, join(ROOT, 'docs'), () => true);
  const date = new Date(epochSeconds * 1000).toUTCString().replace('GMT', '+0000');
  tree.addCompressed(
    `${DOCUMENTS}/changelog`,
    `conntrackd-ts (${version}) unstable; urgency=medium\n\n  * Release ${version}.\n\n -- ${maintainer}  ${date}\n`,
  );
}

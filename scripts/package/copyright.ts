import type { BundledModule } from './modules.ts';

/** The package's copyright file, in Debian's machine-readable form (DEP 5). */
export function copyrightText(modules: readonly BundledModule[], nodeVersion: string): string {
  const files = modules.map(
    ({ name, version, license, licenseText }) => `
Files: usr/lib/conntrackd-ts/node_modules/${name}/*
Copyright: ${holderOf(licenseText)}
License: ${license}
Comment: ${name} ${version}; its licence in full is in licences/${fileName(name)}
`,
  );
  const licenses = [...new Set(modules.map(({ license }) => license))].map(
    (license) => `
License: ${license}
 ${license === 'Apache-2.0' ? 'See /usr/share/common-licenses/Apache-2.0.' : 'See the files in licences/.'}
`,
  );
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: conntrackd-ts

Files: *
Copyright: 2026 the authors of conntrackd-ts
License: GPL-2+

Files: usr/lib/conntrackd-ts/bin/node
Copyright: Node.js contributors, and the authors of what Node.js includes
License: Node.js
Comment: Node.js ${nodeVersion}, as the Node.js project built it

Files: usr/lib/conntrackd-ts/node_modules/@koromix/*
Copyright: 2026 Niels Martignène <niels.martignene@protonmail.com>
License: MIT
Comment: koffi's library, as its author built it
${files.join('')}
License: GPL-2+
 This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public License
 as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later version.
 .
 See /usr/share/common-licenses/GPL-2.

License: Node.js
 The MIT licence, and the licences of what Node.js includes: see licences/node.gz.
${licenses.join('')}`;
}

/** The name of the file below licences/ that a package's licence is in. */
export function fileName(module: string): string {
  return module.replaceAll('/', '-');
}

function holderOf(licenseText: string): string {
  const line = /^\s*Copyright\s+(?!\[)(?:\(c\)\s*)?(\S.*)$/im.exec(licenseText)?.[1] ?? 'see the licence';
  return line.replace(/\s+/g, ' ').replace(/\s*\(?https?:\S+/, '');
}

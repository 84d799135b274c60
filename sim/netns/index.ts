/**
 * `conntrackd-ts/lab`: two firewalls with real kernels in network namespaces, a client, a server, and a node of either kind on each
 * firewall. Needs Linux and root. docs/library.md says what is stable.
 */

import { fileURLToPath } from 'node:url';
import { javascriptProgram, type Program } from './node.ts';

export * from './lab.ts';

/** This package's own program, on the Node binary that runs this process. */
export const ourProgram: Program = javascriptProgram(
  fileURLToPath(new URL('../../program/main.js', import.meta.url)),
);

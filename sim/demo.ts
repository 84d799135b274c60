/** Two firewalls, a failover, a TCP connection that survives; and the same without the commit, where it breaks. */

import { demoInMemory } from './demo/memory.ts';
import { demoInNamespaces } from './demo/namespaces.ts';
import { narrator } from './demo/narrator.ts';
import { missingForLab } from './netns/lab.ts';

const narrate = narrator((line) => console.log(line));
const missing = missingForLab([]);
const shown = missing.length === 0 ? await demoInNamespaces(narrate) : await demoInMemory(narrate, missing);

if (shown.survived && !shown.survivedWithoutCommit) {
  narrate.verdict(
    true,
    'the connection outlived its firewall, and only because its state was replicated and committed',
  );
} else {
  narrate.verdict(
    false,
    shown.survived
      ? 'the connection went on without the commit too: this proves nothing'
      : 'the connection did not outlive its firewall',
  );
  process.exitCode = 1;
}

/** Two firewalls, a failover, a TCP connection that survives; and the same without the commit, where it breaks. */

import { demoInMemory } from './demo/memory.ts';
import { demoInNamespaces } from './demo/namespaces.ts';
import { stepPrinter } from './demo/printer.ts';
import { missingForLab } from './netns/lab.ts';

const output = stepPrinter((line) => console.log(line));
const missing = missingForLab([]);
const result = missing.length === 0 ? await demoInNamespaces(output) : await demoInMemory(output, missing);

if (result.survived && !result.survivedWithoutCommit) {
  output.verdict(
    true,
    'the connection outlived its firewall, and only because its state was replicated and committed',
  );
} else {
  output.verdict(
    false,
    result.survived
      ? 'the connection survived without the commit too, so this proves nothing'
      : 'the connection did not outlive its firewall',
  );
  process.exitCode = 1;
}

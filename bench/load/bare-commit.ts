import { fileURLToPath } from 'node:url';
import type { Firewall } from '../../sim/netns/lab.ts';
import { TIMEOUT_MS } from '../pair/pair.ts';
import type { BareTime } from './bare-sender.ts';

const SENDER = fileURLToPath(new URL('./bare-sender.js', import.meta.url));

/** Creates the first `count` flows of {@link fill} in a firewall's kernel with nothing but sendto, in a process of its own. */
export async function bareCommit(firewall: Firewall, count: number): Promise<BareTime> {
  const text = await firewall.namespace.must(process.execPath, [SENDER, String(count)], {
    timeout: TIMEOUT_MS,
  });
  return JSON.parse(text) as BareTime;
}

import { Attr } from '../../src/wire/attribute.ts';
import type { Host } from './host.ts';
import { type Records, recordsOfKernel } from './records.ts';
import { Violation } from './violation.ts';

/**
 * Checks that all flows which the peer had acknowledged to the dead firewall are in the peer's kernel after the commit.
 * @throws Violation
 */
export function checkCommitted(to: Host, acknowledged: Records): void {
  const { flows } = recordsOfKernel(to.kernel);
  const missing = [...acknowledged.keys()].filter((key) => !flows.has(key));
  if (missing.length > 0) {
    const which = `${missing.length} of ${acknowledged.size}, the first: ${missing[0]}`;
    throw new Violation('a commit lacks flows that were acknowledged', which);
  }
  for (const [key, record] of acknowledged) {
    const [committed, acknowledged] = [flows.get(key)!, record];
    // Packets may have come through the new firewall already, so a newer state is right.
    if (tcpState(committed) < tcpState(acknowledged))
      throw new Violation(
        'a commit left an older state',
        `${key}: ${committed}, acknowledged: ${acknowledged}`,
      );
  }
}

function tcpState(record: string): number {
  const attribute = record.split(' ').find((one) => one.startsWith(`${Attr.TCP_STATE}:`));
  return attribute === undefined ? -1 : Number.parseInt(attribute.split(':')[1]!, 16);
}

/**
 * A program: disables the helpers that its arguments name (`ftp,4,tcp`), unless a daemon serves them again. It runs when a
 * daemon was killed.
 */

import type { HelperKey } from '../../kernel/userspace-helper/helper-messages.ts';
import { queueOwner } from '../../kernel/userspace-helper/packet-queues.ts';
import { NetfilterRequests } from '../../kernel/userspace-helper/requests.ts';
import { isSameHelper, UserspaceHelpers } from '../../kernel/userspace-helper/userspace-helpers.ts';
import { libc } from '../../system/libc.ts';

function helperFrom(argument: string): HelperKey {
  const [name, family, transport] = argument.split(',');
  return { name: name!, family: family === '6' ? 6 : 4, transport: transport === 'udp' ? 'udp' : 'tcp' };
}

const wanted = process.argv.slice(2).map(helperFrom);
const requests = new NetfilterRequests(libc());
const helpers = new UserspaceHelpers(requests);
for (const helper of helpers.list()) {
  const isOurs = wanted.some((other) => isSameHelper(other, helper));
  if (isOurs && helper.isEnabled && queueOwner(helper.queueNum) === undefined) {
    helpers.change(helper, { isEnabled: false });
  }
}
requests.close();

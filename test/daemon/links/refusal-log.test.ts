import { expect, test } from 'vitest';
import { RefusalLog } from '../../../src/daemon/common/links/refusal-log.ts';
import { Refusals } from '../../../src/link/intake/refusals.ts';
import { socketAddress } from '../../../src/link/socket-address.ts';

/** The log of a link on eth1, with a clock that is set by hand. */
function watched() {
  const lines: string[] = [];
  const clock = { ms: 0 };
  const log = new RefusalLog('eth1', { warning: (line) => lines.push(line) }, () => clock.ms);
  const refusals = new Refusals();
  const refuse = (reason: Parameters<Refusals['note']>[0], sender: string, count = 1) => {
    const address = socketAddress(sender.includes(':') ? 6 : 4, sender, 3780, 1);
    refusals.note(reason, address, 0, count);
    log.note(refusals);
  };
  return { lines, clock, refuse, refusals };
}

test('names the first at once, and sums up the others once a minute', () => {
  const { lines, clock, refuse } = watched();
  refuse('sender', '192.0.2.9');
  expect(lines.splice(0)).toEqual([
    'refused 1 on link eth1 because of the sender, the last of 192.0.2.9; if that is the peer, name it in senders of [links] in the settings file',
  ]);
  for (clock.ms = 1; clock.ms < 60_000; clock.ms += 100) refuse('sender', 'fd00::9', 3);
  expect(lines).toEqual([]);
  clock.ms = 60_000;
  refuse('sender', 'fd00::7');
  expect(lines).toEqual([expect.stringMatching(/^refused 1801 on link eth1 .*, the last of fd00::7;/)]);
});

test('has a line for each reason, and none for what is usual at a start', () => {
  const { lines, refuse } = watched();
  for (const reason of ['unsealed', 'sealed', 'other-key', 'forged', 'replayed', 'unproved'] as const) {
    refuse(reason, '192.0.2.9');
  }
  expect(lines).toEqual([
    'refused 1 on link eth1 without a seal (that node has no key_file), the last of 192.0.2.9',
    'refused 1 on link eth1 with a seal (that node has a key_file, this one has not), the last of 192.0.2.9',
    'refused 1 on link eth1 sealed with a key that is not in our key_file, the last of 192.0.2.9',
    'refused 1 on link eth1 with a wrong seal (changed or forged), the last of 192.0.2.9',
    'refused 1 on link eth1 seen before (repeated or played back), the last of 192.0.2.9',
  ]);
});

test('figures go on when a link is replaced', () => {
  const { refuse, refusals } = watched();
  refuse('forged', '192.0.2.9', 4);
  refuse('sender', '192.0.2.8');
  const replacing = new Refusals();
  replacing.note('sender', socketAddress(4, '192.0.2.7', 3780, 1), 0);
  replacing.takeOver(refusals);
  expect(replacing.total).toBe(6);
  expect(replacing.summary()).toEqual({
    sender: { count: 2, last: '192.0.2.7' },
    forged: { count: 4, last: '192.0.2.9' },
  });
});

import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/error.ts';
import { parseConfig } from '../../src/config/parse.ts';

function message(text: string): string {
  try {
    parseConfig(text, 'f');
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

const LINK = 'UDP { IPv4_address 10.0.0.1 IPv4_Destination_Address 10.0.0.2 Interface eth0 Port 3780 }';

describe('a word that is no longer, or never was, an option', () => {
  it.each<[string, string]>([
    ['Sync { Multicast { McastSndSocketBuffer 1 } }', "use `SndSocketBuffer' in the link"],
    ['Sync { Multicast { McastRcvSocketBuffer 1 } }', "use `RcvSocketBuffer' in the link"],
    ['Sync { Mode FTFW { ResendBufferSize 262144 } }', "use `ResendQueueSize', which counts messages"],
    [
      'IgnoreTrafficFor { IPv4_address 127.0.0.1 }',
      "use `Filter From Userspace { Address Ignore { ... } }' in General",
    ],
    ['IgnoreProtocol { UDP }', "use `Filter From Userspace { Protocol Ignore { ... } }' in General"],
    [
      'Sync { Replicate ESTABLISHED for TCP }',
      "use `Filter From Userspace { State Accept { ... } }' in General",
    ],
    [
      'Sync { CacheWriteThrough On }',
      "remove it; `DisableExternalCache on' in the Mode is what comes closest",
    ],
    ['General { Pollsecs 10 }', "did you mean `PollSecs'?"],
    ['General { HashLimits 10 }', "did you mean `HashLimit'?"],
    ['General { HahsLimit 10 }', "did you mean `HashLimit'?"],
    ['General { NetlinkBuferSize 10 }', "did you mean `NetlinkBufferSize'?"],
    ['Sync { UDP { IPv4_destination_address 10.0.0.2 } }', "did you mean `IPv4_Destination_Address'?"],
    ['Sync { UDP { IPv4_DestinationAddress 10.0.0.2 } }', "did you mean `IPv4_Destination_Address'?"],
    [
      'General { Filter From Userspace { Address Ignore { IPv4_address { 127.0.0.1 } } } }',
      'write one line for each address, without braces',
    ],
  ])('`%s` is refused with what to write: %s', (text, advice) => {
    expect(message(text)).toMatch(/^f:1:\d+: found /);
    expect(message(text).endsWith(` (${advice})`)).toBe(true);
  });

  it.each(['General { Nonsense 1 }', 'Sync { UDP { Prot } }', 'Sync { Mode X { } }'])(
    'is refused without a guess where none is near: `%s`',
    (text) => expect(message(text)).not.toContain('('),
  );
});

describe('polling beside reliable events', () => {
  const warnings = (general: string) =>
    parseConfig(`Sync { Mode FTFW { } ${LINK} } General { ${general} }`, 'f').warnings;

  it('is warned of at the start: what polling ignores, and what it misses', () => {
    expect(warnings('PollSecs 15 NetlinkEventsReliable on')).toEqual([
      expect.objectContaining({
        when: 'start',
        message:
          "`PollSecs' reads the kernel's table every 15 s and listens to no events: `NetlinkEventsReliable' has no effect, and flows that begin and end in between are not replicated",
      }),
    ]);
  });

  it.each(['PollSecs 15', 'NetlinkEventsReliable on', 'PollSecs 15 NetlinkEventsReliable off'])(
    'no warning without both: `%s`',
    (general) => expect(warnings(general)).toEqual([]),
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accepts } from './accepts.ts';

const VALID = [
  `Sync {
  Mode FTFW { ResendQueueSize 131072 PurgeTimeout 60 ACKWindowSize 300 DisableExternalCache off StartupResync yes }
  Multicast Default { IPv4_address 225.0.0.50 Group 3780 IPv4_interface 192.168.100.100 Interface eth2 Checksum on }
  Multicast { IPv6_address ff02::50 Group 3781 Interface eth3 SndSocketBuffer 1249280 RcvSocketBuffer 1249280 }
  Options { TCPWindowTracking off ExpectationSync { ftp h.323 sip } }
}
`,
  `General {
  Systemd on HashSize 32768 HashLimit 131072 LogFile on Syslog local0 LockFile /var/lock/conntrack.lock
  UNIX { Path /var/run/conntrackd.ctl } # the control socket
  NetlinkBufferSize 2097152 NetlinkOverrunResync 5 Scheduler { Type FIFO Priority 99 } Nice -1
  Filter From Kernelspace {
    Protocol Accept { TCP SCTP ipv6-icmp }
    Address Ignore { IPv4_address 127.0.0.1 IPv6_address ::1 IPv4_address 10.0.0.0/8 IPv6_address fe80::/10 }
    State Accept { ESTABLISHED CLOSED TIME_WAIT CLOSE_WAIT for TCP }
  }
}
`,
  'Stats { LogFile /var/log/stats.log Syslog daemon }\n',
  'Helper { Setup yes Type ftp inet tcp { QueueNum 0 QueueLen 10 Policy ftp { ExpectMax 1 ExpectTimeout 300 } } }\n',
];

describe('whatever the text', () => {
  it('random bytes are refused with a ConfigError, or are a configuration', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        accepts(new TextDecoder().decode(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  it('a valid file with a piece cut out, repeated or replaced is too', () => {
    const edit = fc.record({
      at: fc.nat(2000),
      length: fc.nat(40),
      insert: fc.oneof(
        fc.string({ maxLength: 8 }),
        fc.constantFrom('{', '}', '#', '\n', 'on', '99999999999', '::', '/'),
      ),
    });
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.subarray(VALID, { minLength: 1 }), fc.array(edit, { maxLength: 3 }), (parts, edits) => {
        let text = parts.join('');
        for (const { at, length, insert } of edits) {
          const start = at % text.length;
          text = `${text.slice(0, start)}${insert}${text.slice(start + length)} `;
        }
        if (accepts(text)) accepted++;
        else refused++;
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });

  it('tokens in random order are too', () => {
    const words = [...new Set(VALID.join(' ').split(/\s+/))].filter((word) => word !== '' && word !== '#');
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 60 }), (tokens) => {
        accepts(`General { ${tokens.join(' ')}`);
        accepts(`Sync { ${tokens.join(' ')}`);
      }),
      { numRuns: 1000 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POLICIES } from '../../src/config/userspace-helpers.ts';
import { NAT_MASK } from '../../src/flow/status.ts';
import { findProtocol, PROTOCOLS } from '../../src/helper/protocols.ts';
import { bytes, CLIENT, flowOf, joined, packet, SERVER, sourceTranslated, words } from './flows.ts';

/** Beginnings of messages, so that arbitrary ones get further than the first comparison. */
const TOKENS = [
  ...['PORT 10,0,0,1,', 'EPRT |1|10.0.0.1|', '227 (192,0,2,1,', '229 (|||', '\r\n', ')', '|', '9,9', '40001'],
  ...[
    'M-SEARCH ',
    'HTTP/1.1 ',
    'LOCATION: http://',
    'SUBSCRIBE ',
    'CALLBACK: <http://',
    CLIENT,
    SERVER,
    ':80/>',
  ],
  ...[
    'CONNECT ',
    'DATA ',
    'MESG ',
    'INDEX ',
    '\0\x01',
    'f\0octet\0',
    '(HOST=',
    ')(PORT=',
    '\0\x40\0\0\x05\0\0\0\0\x10',
  ],
].map(bytes);
const arbitraryPayload = fc
  .array(
    fc.oneof(
      fc.constantFrom(...TOKENS),
      fc.uint8Array({ maxLength: 40 }),
      fc
        .array(fc.constantFrom(0, 1, 2, 3, 7, 17, 100_000, 0xffff_ffff, 0x8000_0038), { maxLength: 14 })
        .map((all) => words(...all)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => joined(...parts));

describe('the helpers', () => {
  it('are those that a configuration may name', () => {
    const names = PROTOCOLS.map(({ name, transport }) => `${name}/${transport}`);
    expect(names.sort()).toEqual([...POLICIES.keys()].sort());
    for (const { name, transport } of PROTOCOLS) expect(findProtocol(name, transport)?.name).toBe(name);
    expect(findProtocol('ftp', 'udp')).toBeUndefined();
  });

  it.each(PROTOCOLS.map((protocol) => [`${protocol.name} over ${protocol.transport}`, protocol] as const))(
    '%s takes any packets, and never reads outside of them',
    (_, protocol) => {
      const flow = flowOf(CLIENT, SERVER, protocol.transport, [40_000, 21]);
      const arbitraryPackets = fc.array(
        fc.tuple(arbitraryPayload, fc.boolean(), fc.integer({ min: 0, max: 3 })),
        {
          maxLength: 6,
        },
      );
      fc.assert(
        fc.property(arbitraryPackets, fc.boolean(), (packets, isTranslated) => {
          const on = isTranslated ? sourceTranslated(flow, '203.0.113.1') : flow;
          const run = (poison: number) => {
            const state = protocol.newState();
            return packets.map(([payload, isReply, sequence]) => {
              const memory = new Uint8Array(payload.length + 128).fill(poison);
              memory.set(payload, 64);
              const view = memory.subarray(64, 64 + payload.length);
              const tcp = protocol.transport === 'tcp' ? { sequence, flags: 16 } : undefined;
              return protocol.inspect(packet(isReply ? 'reply' : 'original', view, tcp), on, state);
            });
          };
          const seen = run(0);
          expect(JSON.stringify(run(0x31))).toBe(JSON.stringify(seen));
          for (const [n, { expected, verdict }] of seen.entries()) {
            if (verdict === 'drop') expect(expected).toEqual([]);
            let at = 0;
            for (const { expectation, nat } of expected) {
              expect(expectation.master).toEqual(flow.original);
              expect(expectation.expected.ports!.destination).toBeGreaterThan(0);
              expect(expectation.expected.ports!.destination).toBeLessThan(65_536);
              expect(nat === undefined || (on.status & NAT_MASK) !== 0).toBe(true);
              if (nat === undefined) continue;
              const { offset, length } = nat.rewrite(65_535);
              expect(offset).toBeGreaterThanOrEqual(at);
              at = offset + length;
              expect(at).toBeLessThanOrEqual(packets[n]![0].length);
            }
          }
        }),
        { numRuns: 500 },
      );
    },
  );
});

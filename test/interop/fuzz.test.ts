import { beforeAll, describe, expect, it } from 'vitest';
import { Differential } from '../../sim/fuzz/live/differential.ts';
import { flood } from '../../sim/fuzz/live/flood.ts';
import { Rounds } from '../../sim/fuzz/live/generator.ts';
import { alive, control, data } from '../../sim/fuzz/messages.ts';
import { missingForLab } from '../../sim/netns/lab.ts';
import { Status } from '../../src/flow/status.ts';
import { encodeExpectation, encodeFlow } from '../../src/wire/encode.ts';
import { Flag, MessageType } from '../../src/wire/header.ts';

const { CT_NEW, CT_UPD, EXP_NEW } = MessageType;

beforeAll(() => {
  expect(missingForLab()).toEqual([]);
});

const tuple = (protocol: number, more: object = {}) => ({
  family: 4 as const,
  source: '10.0.0.1',
  destination: '10.0.0.2',
  protocol,
  ...more,
});
const ports = { source: 1, destination: 2 };
const ICMP = 1;
const GRE = 47;
const TCP = 6;
const SCTP = 132;

/** Where the two nodes are known to differ (docs/protocol.md, section 8), and in what that shows. */
const NAMED: readonly (readonly [string, readonly Uint8Array[], readonly string[]])[] = [
  [
    'a name that is not plain ASCII',
    [data(CT_NEW, 1, encodeFlow({ original: tuple(TCP, { ports }), helper: 'a\u0007b' }))],
    ['flows'],
  ],
  [
    'layer 4 of another protocol: two states',
    [
      data(
        CT_NEW,
        1,
        encodeFlow({ original: tuple(SCTP, { ports }), tcp: { state: 3 }, sctp: { state: 0 } }),
      ),
    ],
    ['flows'],
  ],
  [
    'layer 4 of another protocol: ports of an expectation over GRE',
    [1, 2].map((n) =>
      data(
        EXP_NEW,
        n,
        encodeExpectation({
          master: tuple(TCP, { ports }),
          expected: tuple(GRE, { ports: { source: 0, destination: n } }),
          mask: tuple(GRE),
        }),
      ),
    ),
    ['cache size: expectations', 'expectations'],
  ],
  [
    'a key of which a part is missing',
    [
      data(CT_UPD, 1, encodeFlow({ original: tuple(ICMP, { icmp: { type: 8, code: 0 } }) })),
      data(CT_UPD, 2, encodeFlow({ original: tuple(ICMP, { icmp: { type: 8, code: 0, id: 5 } }) })),
    ],
    ['cache size: flows', 'flows'],
  ],
  [
    'a connection in a flow table',
    [data(CT_NEW, 1, encodeFlow({ original: tuple(TCP, { ports }), status: Status.OFFLOAD }))],
    ['flows'],
  ],
  [
    'a bad header whose number is behind',
    [alive(1000), control(0, 500)],
    ['counter: Malformed messages', 'counter: Malformed header'],
  ],
  [
    'a number half of all numbers away',
    [alive(1000), data(CT_NEW, 1001 + 0x8000_0000, encodeFlow({ original: tuple(TCP, { ports }) }))],
    ['cache size: flows', 'flows', 'NACK'],
  ],
  ['numbers around a HELLO', [alive(1000, Flag.HELLO), alive(1005, Flag.HELLO)], ['NACK']],
];

describe('a C node and ours that are sent the same', () => {
  it.each(['ftfw', 'notrack', 'alarm'] as const)('show the same: %s', async (mode) => {
    const nodes = await Differential.open('both', mode, 3780);
    try {
      const rounds = new Rounds(1, mode, true);
      for (let n = 0; n < 6; n++) expect(await nodes.round(rounds.next())).toEqual([]);
    } finally {
      await nodes.close();
    }
  });

  it('differ where it is known that they do, and in nothing else', async () => {
    const nodes = await Differential.open('both', 'ftfw', 3780);
    try {
      for (const [name, datagrams, kinds] of NAMED) {
        await nodes.restart();
        const found = await nodes.round(datagrams);
        expect([name, found.map(({ kind }) => kind)]).toEqual([name, kinds]);
      }
    } finally {
      await nodes.close();
    }
  });
});

describe('a flood of hostile datagrams', () => {
  it.each(['ftfw', 'notrack'] as const)(
    'leaves our node alive, within bounds, and with every refusal counted; a peer that joins then syncs: %s',
    async (mode) => {
      const { memory, counted, expected, missingAtPeer, missingHere } = await flood(mode, 1, 20_000);
      expect(memory).toBeLessThan(300_000_000);
      const {
        'Malformed messages': malformed,
        'Malformed payload': payload,
        ...known
      } = counted as Record<string, number>;
      expect(expected).toMatchObject(known);
      expect(malformed).toBe(payload! + Object.values(known).reduce((sum, count) => sum + count, 0));
      // What FT-FW drops for its number it does not look into.
      if (mode === 'notrack') expect(payload).toBe(expected['Malformed payload']);
      else expect(payload).toBeLessThanOrEqual(expected['Malformed payload']!);
      expect([missingAtPeer, missingHere]).toEqual([0, 0]);
    },
  );
});

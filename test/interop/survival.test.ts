import { beforeAll, expect, test } from 'vitest';
import { type ConfigurationOptions, type Lab, missingForLab, withLab } from '../../sim/netns/lab.ts';
import { PAIRS, type Pair } from './programs.ts';

/** Long enough for several retransmissions, short enough to wait for a failure that must come, in milliseconds. */
const HOPELESS = 1_500;

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

async function establish(lab: Lab, pair: Pair, configuration: ConfigurationOptions) {
  await lab.startNodes({
    a: { program: pair.primary, configuration },
    b: { program: pair.backup, configuration },
  });
  const [tcp, udp] = await Promise.all([lab.connect(), lab.openUdp()]);
  expect(await tcp.exchange()).toMatchObject({ ok: true, number: 1 });
  expect(await udp.exchange()).toMatchObject({ ok: true, number: 1 });
  expect(udp.translated.address).toBe('203.0.113.1');
  await lab.replicated(tcp, udp);
  return { tcp, udp };
}

const MODES = ['FTFW', 'NOTRACK', 'ALARM'] as const;
const TRANSPORTS = ['UDP', 'Multicast', 'TCP'] as const;

/** The reliable mode over every transport, and the others over UDP; `npm run interop` plays all modes over all. */
const CASES = MODES.flatMap((mode) =>
  TRANSPORTS.filter((transport) => mode === 'FTFW' || transport === 'UDP').flatMap((transport) =>
    PAIRS.map((pair) => ({ pair, mode, transport, name: `${mode} over ${transport}, ${pair.name}` })),
  ),
);

const TRANSLATED = { translatedPorts: [30_000, 39_999] } as const;

function configurationOf({ mode, transport }: (typeof CASES)[number]): ConfigurationOptions {
  // A C primary in ALARM mode connects over TCP when it first has something to send, and if that fails, as it does while
  // its peer starts, not before its next refresh.
  return { mode, transport, inMode: mode === 'ALARM' ? ['RefreshTime 1'] : [] };
}

test.each(CASES)('$name: a TCP connection and a UDP flow outlive the primary', async (one) => {
  await withLab(TRANSLATED, async (lab) => {
    const { tcp, udp } = await establish(lab, one.pair, configurationOf(one));
    await lab.failover({ commit: true });
    expect(lab.a.node().running()).toBe(false);
    expect(await tcp.exchange()).toMatchObject({ ok: true, number: 2 });
    expect(await udp.exchange()).toMatchObject({ ok: true, number: 2 });
  });
});

// What carried the flows makes no difference to a kernel that does not get them.
test.each(CASES.filter(({ transport }) => transport === 'UDP'))(
  '$name: without the commit they break, and a late commit mends them',
  async (one) => {
    await withLab(TRANSLATED, async (lab) => {
      const { tcp, udp } = await establish(lab, one.pair, configurationOf(one));
      await lab.failover({ commit: false });
      const [overTcp, overUdp] = await Promise.all([tcp.exchange(HOPELESS), udp.exchange(HOPELESS)]);
      expect(overTcp).toMatchObject({ ok: false });
      expect(overUdp).toMatchObject({ ok: false });
      await lab.becomePrimary(lab.b);
      expect(await tcp.exchange(10_000)).toMatchObject({ ok: true });
      expect(await udp.exchange()).toMatchObject({ ok: true });
    });
  },
);

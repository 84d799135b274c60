import { beforeAll, describe, expect, test } from 'vitest';
import { missingForLab, withLab } from '../../sim/netns/lab.ts';
import { PAIRS } from '../interop/programs.ts';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

const TRANSLATED = { translatedPorts: [30_000, 39_999] } as const;

describe.each(['FTFW', 'NOTRACK', 'ALARM'] as const)('%s', (mode) => {
  const configuration = {
    mode,
    transport: 'UDP',
    inMode: mode === 'ALARM' ? ['RefreshTime 1'] : [],
  } as const;

  test.each(PAIRS)(
    'a TCP connection and a UDP flow outlive the primary: $name',
    async ({ primary, backup }) => {
      await withLab(TRANSLATED, async (lab) => {
        await lab.startNodes({
          a: { program: primary, configuration },
          b: { program: backup, configuration },
        });
        const [tcp, udp] = await Promise.all([lab.connect(), lab.openUdp()]);
        expect(await tcp.exchange()).toMatchObject({ ok: true, number: 1 });
        expect(await udp.exchange()).toMatchObject({ ok: true, number: 1 });
        await lab.replicated(tcp, udp);
        await lab.failover({ commit: true });
        expect(await tcp.exchange()).toMatchObject({ ok: true, number: 2 });
        expect(await udp.exchange()).toMatchObject({ ok: true, number: 2 });
      });
    },
  );
});

test('without the commit a TCP connection breaks', async () => {
  await withLab(TRANSLATED, async (lab) => {
    const [{ primary, backup }] = PAIRS.slice(-1) as [(typeof PAIRS)[number]];
    await lab.startNodes({ a: { program: primary }, b: { program: backup } });
    const tcp = await lab.connect();
    expect(await tcp.exchange()).toMatchObject({ ok: true });
    await lab.replicated(tcp);
    await lab.failover({ commit: false });
    expect(await tcp.exchange()).toMatchObject({ ok: false });
  });
});

import { beforeAll, expect, test } from 'vitest';
import { flowsMatching, missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { ourProgram } from '../interop/programs.ts';

/** Established TCP passes the rules by. */
const FLOW_TABLE = `
table inet offloading {
  flowtable fast { hook ingress priority 0; devices = { in0, out0 }; }
  chain forwarding { type filter hook forward priority 10; ct state established meta l4proto tcp flow add @fast; }
}
`;
const TIMEOUT_MAX_S = 432_000;

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

test('a connection in a flow table is committed as established, also after a resync', async () => {
  await withLab({ rules: FLOW_TABLE }, async (lab) => {
    const configuration = { mode: 'FTFW' } as const;
    await lab.startNodes({
      a: { program: ourProgram, configuration },
      b: { program: ourProgram, configuration },
    });
    const tcp = await lab.connect();
    expect(await tcp.exchange()).toMatchObject({ ok: true });
    const offloaded = async () =>
      flowsMatching(await lab.a.flows(), { sport: String(tcp.localPort) }).find(({ text }) =>
        text.includes('[OFFLOAD]'),
      );
    await until('the connection is in the flow table', async () => {
      // A packet in each direction takes it there.
      await tcp.exchange();
      return offloaded();
    });
    await lab.replicated(tcp);
    for (const word of ['-R', '-B']) await lab.a.node().command(word);
    // FT-FW keeps the order: who has this one has all that was sent before.
    await lab.replicated(await lab.connect());
    const [stored] = flowsMatching(await lab.b.node().cache('external'), { sport: String(tcp.localPort) });
    expect(stored).toMatchObject({ state: 'ESTABLISHED' });
    await lab.failover({ commit: true });
    const [committed] = flowsMatching(await lab.b.flows(), { sport: String(tcp.localPort) });
    expect(committed).toMatchObject({ state: 'ESTABLISHED' });
    expect(committed!.timeout).toBeGreaterThan(60);
    expect(committed!.timeout).toBeLessThanOrEqual(TIMEOUT_MAX_S);
    expect(await tcp.exchange()).toMatchObject({ ok: true });
  });
});

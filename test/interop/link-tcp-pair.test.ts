import { describe, expect, test } from 'vitest';
import { cProgram, missingForLab, tcpLoad, until, withLab } from '../../sim/netns/lab.ts';
import { PAIRS } from './programs.ts';

/** Bytes in the send queues of the sockets that `ss -Htn` lists. */
function sendQueues(text: string): number[] {
  return text.split('\n').map((line) => Number(line.split(/\s+/)[2] ?? 0));
}

describe.each(PAIRS)('a whole pair in FT-FW mode: $name', (pair) => {
  const options = { translatedPorts: [30_000, 39_999] } as const;

  test.each([4, 6] as const)(
    'a TCP connection outlives the primary, replicated over IPv%i',
    async (family) => {
      expect(missingForLab(['conntrackd'])).toEqual([]);
      await withLab(options, async (firewalls) => {
        const configuration = { mode: 'FTFW', transport: 'TCP', family } as const;
        const [a, b] = await Promise.all([
          firewalls.a.start({ program: pair.primary, configuration }),
          firewalls.b.start({ program: pair.backup, configuration }),
        ]);
        const connection = await firewalls.connect();
        expect(await connection.exchange()).toMatchObject({ ok: true, number: 1 });
        await firewalls.replicated(connection);
        for (const node of [a, b]) {
          // The C node connects when it has something to send.
          await until('both connections', async () =>
            /^TCP traffic \(active device=sync0\) server=connected client=connected:$/m.test(
              await node.command('-s', 'network'),
            ),
          );
          expect(await node.command('-s', 'network')).toMatch(/Malformed messages:\s+0$/m);
        }
        await firewalls.failover({ commit: true });
        await until('the loss of the primary', async () =>
          (await b.command('-s', 'network')).includes('server=disconnected'),
        );
        expect(await connection.exchange()).toMatchObject({ ok: true, number: 2 });
      });
    },
  );

  test('a bulk that is faster than the backup arrives, if not at once', async () => {
    const flows = 20_000;
    await withLab({}, async (firewalls) => {
      const configuration = {
        mode: 'FTFW',
        transport: 'TCP',
        inTransport: ['SndSocketBuffer 20000', 'RcvSocketBuffer 20000'],
      } as const;
      await firewalls.a.load(tcpLoad(flows));
      const a = await firewalls.a.start({ program: pair.primary, configuration });
      const b = await firewalls.b.start({ program: pair.backup, configuration });
      await firewalls.settled();
      b.signal('SIGSTOP');
      await a.command('-B');
      await until('the bulk fills the buffers of the link', async () =>
        sendQueues(await firewalls.a.namespace.must('ss', ['-Htn'])).some((bytes) => bytes > 10_000),
      );
      b.signal('SIGCONT');
      if (pair.primary === cProgram) {
        // The C node leaves out the rest of what was written in part, and its queue drops what is too much.
        await until(
          'nearly all, and the connection',
          async () =>
            (await b.sizes()).external > 0.9 * flows &&
            (await b.command('-s', 'network')).includes('server=connected'),
          30_000,
        );
        // Seen once: the resync too came without one flow (on which side it was lost was not captured). Asked for again.
        const complete = async () => {
          if ((await b.sizes()).external === flows) return true;
          await b.command('-n');
          return false;
        };
        await until('all of them', complete, 30_000, 4_000);
      } else {
        await b.untilSize('external', flows);
        for (const node of [a, b]) {
          expect(await node.command('-s', 'network')).toMatch(/Malformed messages:\s+0$/m);
          expect(await node.command('-s', 'network')).toMatch(/Packets lost:\s+0$/m);
        }
      }
      await b.untilSize('external', flows, 20_000);
    });
  });

  test('a bulk of many flows, and a peer that starts late, lose nothing', async () => {
    const flows = 20_000;
    await withLab({}, async (firewalls) => {
      const configuration = { mode: 'FTFW', transport: 'TCP' } as const;
      await firewalls.a.load(tcpLoad(flows));
      const a = await firewalls.a.start({ program: pair.primary, configuration });
      await a.untilSize('internal', flows);
      const b = await firewalls.b.start({ program: pair.backup, configuration });
      await firewalls.settled();
      await b.command('-n');
      await b.untilSize('external', flows, 30_000);
      expect(await b.command('-s', 'network')).toMatch(/Malformed messages:\s+0$/m);
    });
  });
});

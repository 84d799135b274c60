import { beforeAll, expect, test } from 'vitest';
import { openFtpSession, startFtpServer } from '../../sim/netns/ftp.ts';
import { ADDRESSES, missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { PAIRS } from '../interop/programs.ts';

const FTP_PORT = 2121;
const FILE = 'what was asked for\n'.repeat(1_000);
const RULES = `
add rule inet lab assigning iifname "in0" tcp dport ${FTP_PORT} ct state new ct helper set "ftp-standard"
flush chain inet lab translating
`;

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

test.each(PAIRS)(
  "what the kernel's FTP helper expects goes on after a failover: $name",
  async ({ primary, backup }) => {
    await withLab({ ftp: true, rules: RULES }, async (lab) => {
      await lab.server.ip(`route add 192.168.10.0/24 via ${ADDRESSES.outsideVirtual.v4}`);
      await startFtpServer(lab.server, { port: FTP_PORT, files: { readme: FILE }, patience: 60_000 });
      const configuration = { mode: 'FTFW', inOptions: ['ExpectationSync On'] } as const;
      await lab.startNodes({ a: { program: primary, configuration }, b: { program: backup, configuration } });
      const server = { address: ADDRESSES.server.v4, port: FTP_PORT };
      const session = await openFtpSession(lab.client, server, ADDRESSES.client.v4);
      await session.announce();
      await until('the expectation in the external cache of B', async () => {
        const lines = await lab.b.node().expectations('external');
        return lines.some((line) => line.includes(`dport=${session.dataPort} `));
      });
      await lab.failover({ commit: true });
      session.request('readme');
      expect(await session.answer(['226', '425', '426'])).toBe('226 Transfer complete');
      expect(session.files()).toEqual([FILE]);
    });
  },
);

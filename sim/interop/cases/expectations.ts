/** What a helper of the kernel expects. */

import { openFtpSession, startFtpServer } from '../../netns/ftp.ts';
import { ADDRESSES, until } from '../../netns/lab.ts';
import { createNamespace } from '../../netns/namespace.ts';
import { openScope } from '../../netns/scope.ts';
import type { TestCase } from '../test-case.ts';

const FTP_PORT = 2121;
/** Many times a TCP segment, so that the data connection is more than its handshake. */
const FILE = Array.from({ length: 4_000 }, (_, line) => `line ${line}\n`).join('');
const COMPLETE = '226 Transfer complete';
const GIVE_UP_MS = 5_000;

const RULES = `
add rule inet lab assigning iifname "in0" tcp dport ${FTP_PORT} ct state new ct helper set "ftp-standard"
flush chain inet lab translating
`;

/** Asks the kernel, in a namespace of its own, for its FTP helper. */
async function helperTrouble(): Promise<string | undefined> {
  const scope = openScope();
  try {
    const namespace = await createNamespace(scope, 'ftp');
    const input = 'table inet probe {\n  ct helper ftp-standard { type "ftp" protocol tcp; }\n}\n';
    const { code, stderr } = await namespace.run('nft', ['-f', '-'], { input });
    if (code === 0) return undefined;
    return `the kernel has no FTP helper (nf_conntrack_ftp): ${stderr.trim().split('\n')[0]}`;
  } finally {
    await scope.close();
  }
}

let asked: Promise<string | undefined> | undefined;

export const expectations: TestCase = {
  letter: 'X',
  name: 'expectations',
  sentence:
    "what the kernel's FTP helper expects (ExpectationSync) is committed: a transfer begins after the failover",
  // The answer is the same for every setting.
  kernelLacks: () => (asked ??= helperTrouble()),
  lab: { ftp: true, rules: RULES },
  configuration: { both: { inOptions: ['ExpectationSync On'] } },
  async play(stage) {
    const { lab, backup } = stage;
    await lab.server.ip(`route add 192.168.10.0/24 via ${ADDRESSES.outsideVirtual.v4}`);
    await startFtpServer(lab.server, { port: FTP_PORT, files: { readme: FILE }, patience: GIVE_UP_MS });
    await stage.start();
    const server = { address: ADDRESSES.server.v4, port: FTP_PORT };
    const session = await openFtpSession(lab.client, server, ADDRESSES.client.v4);
    await session.announce();
    await lab.replicated(session);
    await until('the expectation in the external cache of the backup', async () => {
      const lines = await backup.node().expectations('external');
      return lines.some((line) => line.includes(`dport=${session.dataPort} `));
    });
    await lab.failover({ commit: true });
    session.request('readme');
    const answer = await session.answer(['226', '425', '426']);
    if (answer !== COMPLETE) throw new Error(`the transfer after the failover: ${answer}`);
    if (session.files()[0] !== FILE) throw new Error('the transfer after the failover: another file came');
  },
};

// Needs a kernel with helpers in user space (nfnetlink_cthelper) and packet queues, and the program nfct.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { configurationText } from '../../sim/netns/configuration.ts';
import { openFtpSession, startFtpServer } from '../../sim/netns/ftp.ts';
import { ADDRESSES, cProgram, type Lab, until, withLab } from '../../sim/netns/lab.ts';
import { PATIENCE } from '../../sim/netns/patience.ts';
import { PAIRS, type Pair } from '../interop/programs.ts';
import { addHelpersFor, FTP, flushHelpers, helperBlock, prepareKernel } from './helper-lab.ts';

const FTP_PORT = 2121;
const SERVER_PATIENCE_MS = 1_500 * PATIENCE;
const FILE = 'what was asked for\n'.repeat(1_000);
/** Written with as many characters as the client's address: another length shifts sequence numbers, which no event reports. */
const SAME_LENGTH = '198.51.100.10';
const RULES = `
add ct helper inet lab userspace-ftp { type "ftp" protocol tcp; l3proto ip; }
add rule inet lab assigning iifname "in0" tcp dport ${FTP_PORT} ct state new ct helper set "userspace-ftp"
flush chain inet lab translating
`;
const TRANSLATING = `add rule inet lab translating oifname "out0" snat ip to ${SAME_LENGTH}\n`;

interface Case extends Pair {
  readonly isTranslated: boolean;
  /** Whether the client announces its port before the failover, or after it. */
  readonly isPending: boolean;
}

const CASES: readonly (Case & { readonly shown: string })[] = PAIRS.flatMap((pair) =>
  [false, true].flatMap((isTranslated) =>
    [true, false].map((isPending) => ({
      ...pair,
      isTranslated,
      isPending,
      shown: `${pair.name}${isTranslated ? ', translated' : ''}, announced ${isPending ? 'before' : 'after'}`,
    })),
  ),
);

/**
 * Where the server's connection ends at the firewall: C's helper does not tell the kernel how it is translated, and C's commit
 * leaves that out.
 */
function isLostByC({ primary, backup, isTranslated, isPending }: Case): boolean {
  const isExpectedByC = (isPending ? primary : backup) === cProgram;
  return isTranslated && (isExpectedByC || (isPending && backup === cProgram));
}

beforeEach(prepareKernel);

afterEach(async () => {
  await flushHelpers();
});

/**
 * As when the primary loses its power: its links are gone, and nothing of it reaches the backup. It is not killed, because both
 * share a kernel here, whose helper what is left of a killed daemon would disable.
 */
async function takeOver(lab: Lab): Promise<void> {
  await lab.a.setLinks('down', 'in0', 'out0', 'sync0');
  await lab.moveAddresses('b');
  await lab.becomePrimary(lab.b);
}

test.each(CASES)(
  'an FTP transfer whose helper is in user space goes on after a failover: $shown',
  async (each) => {
    const { primary, backup, isTranslated, isPending } = each;
    await addHelpersFor(primary, [FTP]);
    if (primary !== cProgram) await addHelpersFor(backup, [FTP]);
    await withLab({}, async (lab) => {
      const configuration = (place: Parameters<typeof configurationText>[0]) =>
        helperBlock([FTP]) + configurationText(place, { mode: 'FTFW', inOptions: ['ExpectationSync On'] });
      await lab.startNodes({ a: { program: primary, configuration }, b: { program: backup, configuration } });
      for (const { namespace } of [lab.a, lab.b])
        await namespace.nft(isTranslated ? RULES + TRANSLATING : RULES);
      const gateway = ADDRESSES.outsideVirtual.v4;
      await lab.server.ip(
        `route add 192.168.10.0/24 via ${gateway}`,
        `route add ${SAME_LENGTH} via ${gateway}`,
      );
      await startFtpServer(lab.server, {
        port: FTP_PORT,
        files: { readme: FILE },
        patience: SERVER_PATIENCE_MS,
      });
      const server = { address: ADDRESSES.server.v4, port: FTP_PORT };
      const session = await openFtpSession(lab.client, server, ADDRESSES.client.v4);

      if (isPending) {
        await session.announce();
        await until('the expectation in the external cache of B', async () => {
          const lines = await lab.b.node().expectations('external');
          return lines.some((line) => line.includes(`dport=${session.dataPort} `));
        });
        await takeOver(lab);
      } else {
        await until('the connection in the external cache of B', async () => {
          const flows = await lab.b.node().cache('external');
          return flows.some((flow) => flow.text.includes(`sport=${session.localPort} `));
        });
        await takeOver(lab);
        // C's helper looks at no line before one has ended under its eyes.
        if (backup === cProgram) await session.announce();
        await session.announce();
      }
      session.request('readme');
      const outcome = await session.answer(['226', '425', '426']);
      if (isLostByC(each)) expect(outcome).toMatch(/^425 /);
      else expect(outcome).toBe('226 Transfer complete');
      expect(session.files()).toEqual(isLostByC(each) ? [] : [FILE]);
    });
  },
);

import { expect, test } from 'vitest';
import { configurationText } from '../../sim/netns/configuration.ts';
import { cProgram, missingForLab, withLab } from '../../sim/netns/lab.ts';
import { run } from '../../sim/netns/process.ts';
import { ourProgram } from './programs.ts';

const HELPER = 'Helper { Type ftp inet tcp { QueueNum 3 Policy ftp { ExpectMax 1 ExpectTimeout 300 } } }\n';
const configuration = (place: Parameters<typeof configurationText>[0]) =>
  HELPER + configurationText(place, { mode: 'FTFW' });

/** Dumping the helpers makes a kernel that has them load the module. */
const kernelHasHelpers = (await run('nfct', ['helper', 'list'])).code === 0;

test.skipIf(kernelHasHelpers)(
  'on a kernel without helpers in user space a Helper clause is refused, or left out where it is optional',
  async () => {
    expect(missingForLab(['conntrackd'])).toEqual([]);
    await withLab({}, async (lab) => {
      await expect(lab.a.start({ program: cProgram, configuration })).rejects.toThrow();
      const refusal = lab.a.start({ program: ourProgram, configuration });
      await expect(refusal).rejects.toThrow(
        /\[ERROR\] user-space helpers: the kernel has no helpers in user space \(load nfnetlink_cthelper, or build it: CONFIG_NF_CT_NETLINK_HELPER\)/,
      );

      const settings = () => '[helper]\noptional = true\n';
      await lab.startNodes({
        a: { program: ourProgram, configuration, settings },
        b: { program: cProgram },
      });
      expect(lab.a.node().log()).toMatch(
        /\[warning\] .*load nfnetlink_cthelper.*; going on without the Helper clause, as \[helper\] in the settings says\n/,
      );
      const connection = await lab.connect();
      await connection.exchange();
      await lab.replicated(connection);
      expect(JSON.parse(await lab.a.node().command('-s', '--json'))).not.toHaveProperty('helpers');
      await lab.failover({ commit: true });
      expect(await connection.exchange()).toMatchObject({ ok: true });
    });
  },
);

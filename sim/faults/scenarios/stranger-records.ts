import type { ConfigurationOptions } from '../../netns/lab.ts';
import { syncAddress } from '../../netns/topology.ts';
import type { Outcome, Scenario } from '../scenario.ts';
import { attack } from '../stage/attack.ts';
import { cacheKeys, kernelKeys } from '../stage/comparison.ts';
import { endedFlows, futureSequence, isPlanted, packMessages, plantedFlows } from '../stage/messages.ts';
import type { Stage } from '../stage/stage.ts';

const PLANTED = 1_000;
/** The transport's own block has no option for what names senders: that is a setting of ours. */
const MULTICAST: ConfigurationOptions = { transport: 'Multicast' };
const SENDERS = `[links]\nsenders = ["${syncAddress('a', 0).v4}", "${syncAddress('b', 0).v4}"]\n`;

function countPlanted(keys: Iterable<string>): number {
  let count = 0;
  for (const key of keys) if (isPlanted(key)) count++;
  return count;
}

async function plant(stage: Stage, multicast: boolean): Promise<Outcome> {
  const datagrams = packMessages(plantedFlows(PLANTED, futureSequence()));
  const found = await attack(stage, { against: 'b', multicast, datagrams });
  const recovery = await stage.recovery();
  const planted = countPlanted(await cacheKeys(stage.node('b'), 'external'));
  await stage.node('b').command('-c');
  const plantedInKernel = countPlanted(await kernelKeys(stage.standby));
  return { ...recovery, ...found, planted, plantedInKernel };
}

/** Somebody on the dedicated link sends flows that do not exist. */
const planting: readonly Scenario[] = [
  {
    name: 'stranger-new-udp',
    title: `a stranger's CT_NEW of ${PLANTED} flows, UDP`,
    target: { refused: true },
    run: (stage) => plant(stage, false),
  },
  {
    name: 'stranger-new-multicast',
    title: `a stranger's CT_NEW of ${PLANTED} flows, multicast with the senders named`,
    target: { refused: true },
    changes: () => ({ configuration: MULTICAST, settings: SENDERS }),
    run: (stage) => plant(stage, true),
  },
];

/** Somebody says of all flows that they ended. */
const ending: Scenario = {
  name: 'stranger-del',
  title: "a stranger's CT_DEL of all flows",
  target: { refused: true },
  async run(stage) {
    const datagrams = packMessages(endedFlows(stage.flows, futureSequence()));
    const found = await attack(stage, { against: 'b', datagrams });
    return { ...(await stage.recovery()), ...found };
  },
};

export const STRANGER_RECORDS: readonly Scenario[] = [...planting, ending];

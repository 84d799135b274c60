import type { ConfigurationOptions, Side } from '../../netns/lab.ts';
import { ALL_PAIRS, type Outcome, type Scenario } from '../scenario.ts';
import type { Stage } from '../stage/stage.ts';

/** Flows that end, and as many that begin, while a node is away. */
const REPLACED = 1_000;
const RESTARTS = 10;
const STARTUP_RESYNC: ConfigurationOptions = { inMode: ['StartupResync on'] };

async function end(stage: Stage, side: Side, how: 'killed' | 'ended'): Promise<void> {
  const node = stage.node(side);
  await (how === 'killed' ? node.kill() : node.stop());
}

/** The fault ends when the node answers again. */
async function primaryRestart(stage: Stage, how: 'killed' | 'ended'): Promise<Outcome> {
  await end(stage, 'a', how);
  await stage.replaceFlows(Math.min(REPLACED, stage.flows / 2));
  await stage.start('a');
  return stage.recovery();
}

function primary(how: 'killed' | 'ended', resync: boolean): Scenario {
  return {
    name: `primary-${how}${resync ? '-resync' : ''}`,
    title: `primary ${how}, ${REPLACED.toLocaleString('en')} flows gone and as many new, started${resync ? ', StartupResync on' : ''}`,
    pairs: ALL_PAIRS,
    target: {},
    ...(resync ? { changes: () => ({ configuration: STARTUP_RESYNC }) } : {}),
    run: (stage) => primaryRestart(stage, how),
  };
}

const backup: Scenario = {
  name: 'backup-killed',
  title: 'backup killed and started under churn, StartupResync off',
  pairs: ALL_PAIRS,
  target: {},
  async run(stage) {
    const churn = await stage.churn();
    await end(stage, 'b', 'killed');
    await stage.start('b');
    await churn.stop();
    return stage.recovery();
  },
};

const both: Scenario = {
  name: 'both-killed',
  title: 'both killed and started, StartupResync off',
  pairs: ALL_PAIRS,
  target: {},
  async run(stage) {
    await Promise.all([end(stage, 'a', 'killed'), end(stage, 'b', 'killed')]);
    await stage.replaceFlows(Math.min(REPLACED, stage.flows / 2));
    await stage.start('b');
    await stage.start('a');
    return stage.recovery();
  },
};

const many: Scenario = {
  name: 'primary-ten-restarts',
  title: `${RESTARTS} restarts of the primary under churn`,
  pairs: ALL_PAIRS,
  target: {},
  async run(stage) {
    const churn = await stage.churn();
    for (let n = 0; n < RESTARTS; n++) {
      await end(stage, 'a', n % 2 === 0 ? 'killed' : 'ended');
      await stage.start('a');
    }
    await churn.stop();
    const { active, standby } = stage;
    return stage.recovery(performance.now(), () => stage.compareStarted(active, standby));
  },
};

/** The kernel keeps its table here, as it does when daemons are upgraded on both. */
const together: Scenario = {
  name: 'both-at-once',
  title: 'both start at once with a large table in the kernel, StartupResync on',
  pairs: ALL_PAIRS,
  target: {},
  changes: () => ({ configuration: STARTUP_RESYNC }),
  flows: (_flows, restartFlows) => restartFlows,
  async run(stage) {
    await Promise.all([end(stage, 'a', 'killed'), end(stage, 'b', 'killed')]);
    await Promise.all([stage.start('a'), stage.start('b')]);
    return stage.recovery();
  },
};

export const RESTARTED: readonly Scenario[] = [
  primary('killed', false),
  primary('ended', false),
  primary('killed', true),
  primary('ended', true),
  backup,
  both,
  many,
  together,
];

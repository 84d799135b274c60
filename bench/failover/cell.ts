import { setTimeout as sleep } from 'node:timers/promises';
import { startKeepalived, VRRP_RULES } from '../../sim/netns/keepalived.ts';
import {
  type ConfigurationOptions,
  type Firewall,
  type Lab,
  type LabOptions,
  type NodeOptions,
  until,
  withLab,
} from '../../sim/netns/lab.ts';
import { INSIDE_LINK, OUTSIDE_LINK, syncLinkName } from '../../sim/netns/topology.ts';
import { fill } from '../load/fill.ts';
import { cacheSize } from '../pair/ask.ts';
import { CLIENTS, PROGRAMS, roomyConfiguration, TIMEOUT_MS, untilNodesQuiet } from '../pair/pair.ts';
import { CONNECTIONS, type Conversation, INTERVAL_MS, startConversation } from './conversation.ts';
import { isDecided, type Outcome, outcomeOf, survivalOf } from './outcome.ts';
import { monotonicMs, prepareTakeover, tellerOf } from './takeover.ts';
import type { Input, Variant } from './traffic.ts';
import { fifoOf, type Way } from './way.ts';

/** One failover to measure. */
export interface Cell {
  readonly way: Way;
  readonly variant: Variant;
  readonly input: Input;
  /** Flows in the table beside the connections, over which nothing goes. */
  readonly idleFlows: number;
}

/** Makes the firewalls accept what is for themselves, where the laboratory's rule set drops what belongs to no flow. */
const ACCEPTING = 'add chain inet lab incoming { type filter hook input priority filter; policy accept; }\n';

/** From the end of the commit until a connection that says nothing counts as lost: TCP repeats after 0.2, 0.6, 1.4, ... s. */
const PATIENCE_MS = 20_000;
/** The same where nobody commits, so that nothing can come back. */
const HOPELESS_MS = 5_000;
/** What was under way at the end of the commit has arrived by then. */
const IN_FLIGHT_MS = INTERVAL_MS / 2;
/** The connections are watched this long at least, also when all of them work again at once. */
const WATCH_MS = 1_000;
/** How long they are watched where nobody dies. */
const CALM_MS = 3_000;
const ASK_EVERY_MS = 200;

/**
 * Opens a pair with connections and idle flows, lets the primary die, and returns what became of the connections.
 * @throws Error if the pair did not replicate, or the backup committed less than it should
 */
export async function runCell(cell: Cell): Promise<Outcome> {
  const { way, variant, input, idleFlows } = cell;
  const byKeepalived = variant.decider === 'keepalived';
  const options: LabOptions = {
    withoutVirtualAddresses: byKeepalived,
    rules: `${input === 'accepts' ? ACCEPTING : ''}${byKeepalived ? VRRP_RULES : ''}`,
  };
  return withLab(options, async (lab) => {
    const node = nodeOptions(way, idleFlows);
    await lab.startNodes({ a: node, b: node });
    await lab.settled(TIMEOUT_MS);
    const failover = await (byKeepalived ? underKeepalived : underBench)(lab, way);
    await fill(lab.a, idleFlows);
    const conversation = await startConversation(lab, variant.traffic);
    await untilReplicated(lab, way, idleFlows + CONNECTIONS);
    conversation.begin();
    if (way.control === 'nobody dies') return observeCalm(conversation, cell);
    return observeFailover(lab, conversation, failover, cell);
  });
}

function nodeOptions(way: Way, idleFlows: number): NodeOptions {
  const roomy = roomyConfiguration(idleFlows + CONNECTIONS);
  const configuration: ConfigurationOptions = way.isHotStandby
    ? { ...roomy, inMode: [...(roomy.inMode ?? []), 'DisableExternalCache On'] }
    : roomy;
  return {
    program: PROGRAMS[way.node],
    configuration,
    startTimeout: TIMEOUT_MS,
    ...(way.settings === undefined ? {} : { settings: way.settings }),
  };
}

/** A failover that is ready to happen. */
interface Failover {
  /**
   * Kills the primary's daemon, takes its links down, and brings about what follows; resolves when the backup has the
   * addresses. Times are in milliseconds of the monotonic clock, the first one that of the links.
   */
  run(): Promise<{ readonly diedAt: number; readonly movedAt: number }>;
}

async function underBench(lab: Lab, way: Way): Promise<Failover> {
  const [tellA, tellB] = [await tellerOf(lab.a, way), await tellerOf(lab.b, way)];
  await lab.a.namespace.must('sh', ['-c', tellA('primary')]);
  await lab.b.namespace.must('sh', ['-c', tellB('backup')]);
  const takeover = await prepareTakeover(lab, lab.b, way.control === undefined ? tellB : () => ':');
  return {
    async run() {
      await die(lab.a);
      const diedAt = monotonicMs();
      return { diedAt, movedAt: await takeover.run() };
    },
  };
}

async function underKeepalived(lab: Lab, way: Way): Promise<Failover> {
  const { teller } = way;
  const start = (firewall: Firewall) => {
    // Where no role is given, nobody reads the FIFO.
    const how = teller.kind === 'script' ? CLIENTS[teller.client] : { fifo: fifoOf(firewall.node().paths) };
    return startKeepalived(lab, firewall, how);
  };
  const a = await start(lab.a);
  await a.untilMaster();
  const b = await start(lab.b);
  await b.untilBackup();
  return {
    async run() {
      await a.kill();
      await die(lab.a);
      const diedAt = monotonicMs();
      await until('keepalived to be master', () => b.log().includes('Entering MASTER STATE'), 20_000, 2);
      return { diedAt, movedAt: monotonicMs() };
    },
  };
}

async function die({ node, setLinks }: Firewall): Promise<void> {
  await node().kill();
  await setLinks('down', INSIDE_LINK, OUTSIDE_LINK, syncLinkName(0));
}

async function untilReplicated(lab: Lab, { isHotStandby }: Way, flows: number): Promise<void> {
  await until(
    `${flows} flows at the backup`,
    async () => {
      const held = isHotStandby ? await lab.b.flowCount() : await cacheSize(lab.b.node(), 'external');
      if (held < flows) throw new Error(`it has ${held}`);
      return true;
    },
    TIMEOUT_MS,
  );
  await untilNodesQuiet([lab.a.node(), lab.b.node()]);
}

async function observeCalm(conversation: Conversation, { variant }: Cell): Promise<Outcome> {
  await sleep(CALM_MS);
  const report = await conversation.report();
  const survival = survivalOf(report, variant.traffic, monotonicMs() - 2 * INTERVAL_MS);
  return outcomeOf(survival, report, { movedMs: undefined, committedMs: undefined });
}

async function observeFailover(
  lab: Lab,
  conversation: Conversation,
  failover: Failover,
  { way, variant, idleFlows }: Cell,
): Promise<Outcome> {
  const logged = lab.b.node().log().length;
  const { diedAt, movedAt } = await failover.run();
  const commits = way.control === undefined && !way.isHotStandby;
  const committedAt = commits ? await untilCommitted(lab.b, logged) : undefined;
  if (committedAt !== undefined) await expectCommitted(lab.b, idleFlows);

  const since = (committedAt ?? movedAt) + IN_FLIGHT_MS;
  const patience = way.control === undefined ? PATIENCE_MS : HOPELESS_MS;
  await sleep(WATCH_MS);
  let report = await conversation.report();
  while (!isDecided(report, variant.traffic, since) && monotonicMs() < since + patience) {
    await sleep(ASK_EVERY_MS);
    report = await conversation.report();
  }
  return outcomeOf(survivalOf(report, variant.traffic, since), report, {
    movedMs: movedAt - diedAt,
    committedMs: committedAt === undefined ? undefined : committedAt - movedAt,
  });
}

/** The times in the log of the C node are whole seconds, so the log is watched, from what it had already on. */
async function untilCommitted({ node }: Firewall, logged: number): Promise<number> {
  const line = /Committed \d+ new entries/;
  await until('the log has the commit', () => line.test(node().log().slice(logged)), TIMEOUT_MS, 2);
  return monotonicMs();
}

async function expectCommitted(backup: Firewall, idleFlows: number): Promise<void> {
  const held = await backup.flowCount();
  if (held < idleFlows) throw new Error(`the backup's kernel has ${held} flows of ${idleFlows} idle ones`);
}

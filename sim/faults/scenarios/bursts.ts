import { setTimeout as elapse } from 'node:timers/promises';
import { makeEvents } from '../../load/make-events.ts';
import { type ConfigurationOptions, tcpLoad } from '../../netns/lab.ts';
import { ALL_PAIRS, type Scenario } from '../scenario.ts';

const BURST = 100_000;
/** Lines of one call of `conntrack -R`, each of which must finish within a command's time limit. */
const LINES = 50_000;
/** C's own default of NetlinkOverrunResync is 30 s. */
const OVERRUN_GIVE_UP_MS = 45_000;
const BURST_LOAD_MS_MAX = 10_000;

const SMALL_BUFFER: ConfigurationOptions = {
  inGeneral: ['NetlinkBufferSize 16384', 'NetlinkBufferSizeMaxGrowth 16384'],
};

/** As many as a whole table in one go, from a program that waits for the kernel's answer to each. */
const burst: Scenario = {
  name: 'burst',
  title: `burst of ${BURST.toLocaleString('en')} into an event buffer of 16 kB`,
  pairs: ALL_PAIRS,
  target: { loadMsMax: BURST_LOAD_MS_MAX },
  giveUpMs: OVERRUN_GIVE_UP_MS,
  flows: () => 0,
  changes: () => ({ configuration: SMALL_BUFFER }),
  async run(stage) {
    const begin = performance.now();
    for (let first = 0; first < BURST; first += LINES) await stage.active.load(tcpLoad(LINES, { first }));
    const loadMs = performance.now() - begin;
    return { ...(await stage.recovery()), loadMs };
  },
};

const HALTED_EVENTS = 20_000;
const HALT_MS = 1_000;
/** Room for some hundred events. */
const OVERRUN_BUFFER: ConfigurationOptions = {
  inGeneral: ['NetlinkBufferSize 131072', 'NetlinkBufferSizeMaxGrowth 131072'],
};

/** The primary's process gets no processor, as on a busy host, until the kernel has dropped events. */
const overrun: Scenario = {
  name: 'overrun',
  title: `event buffer overrun: primary halted while ${HALTED_EVENTS.toLocaleString('en')} flows begin`,
  pairs: ALL_PAIRS,
  target: {},
  giveUpMs: OVERRUN_GIVE_UP_MS,
  // The fill is slower than the overrun: a small buffer holds what a running node has not read.
  flows: (flows) => Math.min(flows, 5_000),
  changes: () => ({ configuration: OVERRUN_BUFFER }),
  async run(stage) {
    const node = stage.node('a');
    node.signal('SIGSTOP');
    await makeEvents(stage.active.namespace, {
      change: 'new',
      first: stage.flows,
      count: HALTED_EVENTS,
    });
    await elapse(HALT_MS);
    node.signal('SIGCONT');
    return stage.recovery();
  },
};

/** Flows beyond what the backup's cache holds. */
const TOO_MANY = 1_000;
const ROOM = 1_000;

/** The backup refuses flows, and then as many end as it refused. */
const fullCache: Scenario = {
  name: 'full-cache',
  title: `backup's cache full, ${TOO_MANY.toLocaleString('en')} flows too many, then room again`,
  pairs: ALL_PAIRS,
  target: {},
  changes: (flows) => ({ backup: { inGeneral: [`HashLimit ${flows + ROOM}`] } }),
  async run(stage) {
    const { namespace } = stage.active;
    const count = ROOM + TOO_MANY;
    await makeEvents(namespace, { change: 'new', first: stage.flows, count });
    await elapse(1_000);
    await makeEvents(namespace, { change: 'destroy', count });
    return stage.recovery();
  },
};

export const BURSTS: readonly Scenario[] = [burst, overrun, fullCache];

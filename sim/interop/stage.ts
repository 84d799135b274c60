import type { ConfigurationOptions, ConntrackdNode, Firewall, Lab } from '../netns/lab.ts';
import { Refusal, refusalIn } from './refusal.ts';
import { LINK_WORDS, MODE_WORDS, type Setting } from './setting.ts';

/** Milliseconds within which nodes that hear each other do so: a heartbeat comes every second. */
const HEARD_WITHIN_MS = 6_000;

/** What a case needs in conntrackd.conf beside mode and link. */
export interface CaseConfiguration {
  readonly both?: ConfigurationOptions;
  /** In place of `both`, for the backup. */
  readonly backup?: ConfigurationOptions;
}

/** Two firewalls on which a case is played. The primary is firewall A. */
export interface Stage {
  readonly setting: Setting;
  readonly lab: Lab;
  readonly primary: Firewall;
  readonly backup: Firewall;
  /** Starts both nodes, and waits until they hear each other, where the mode has a heartbeat. Rejects as `startNode` does. */
  start(): Promise<void>;
  /** Starts one node; the previous one on this firewall must have ended. Rejects with a Refusal if it refuses the configuration. */
  startNode(firewall: Firewall): Promise<ConntrackdNode>;
  /** Waits until each node has heard the other, where the mode has a heartbeat: ALARM has none. */
  heard(): Promise<void>;
  /** Asks a node's peer for everything (`-n`), where the mode has such a request: in ALARM a peer repeats all unasked. */
  requestResync(firewall: Firewall): Promise<void>;
}

function configurationOf(
  { mode, link }: Setting,
  { both = {}, backup = both }: CaseConfiguration,
  isBackup: boolean,
): ConfigurationOptions {
  const own = isBackup ? backup : both;
  return {
    ...own,
    mode: MODE_WORDS[mode],
    transport: LINK_WORDS[link],
    inMode: [...(mode === 'alarm' ? ['RefreshTime 1'] : []), ...(own.inMode ?? [])],
  };
}

/** The stage of a case in a laboratory without nodes. */
export function stageIn(lab: Lab, setting: Setting, configuration: CaseConfiguration = {}): Stage {
  const stage: Stage = {
    setting,
    lab,
    primary: lab.a,
    backup: lab.b,
    async start() {
      const started = await Promise.allSettled([stage.startNode(lab.a), stage.startNode(lab.b)]);
      const errors = started.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
      // A node that failed says more than its peer's refusal.
      const error = errors.find((one) => !(one instanceof Refusal)) ?? errors[0];
      if (error !== undefined) throw error;
      await stage.heard();
    },
    async startNode(firewall) {
      const isBackup = firewall === lab.b;
      const { name, program } = isBackup ? setting.backup : setting.primary;
      try {
        return await firewall.start({
          program,
          configuration: configurationOf(setting, configuration, isBackup),
        });
      } catch (error) {
        const refusal = refusalIn(error);
        throw refusal === undefined ? error : new Refusal(`${name}: ${refusal}`);
      }
    },
    async heard() {
      if (setting.mode !== 'alarm') await lab.settled(HEARD_WITHIN_MS);
    },
    async requestResync(firewall) {
      if (setting.mode !== 'alarm') await firewall.node().command('-n');
    },
  };
  return stage;
}

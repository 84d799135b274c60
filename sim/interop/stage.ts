import type { ConfigurationOptions, ConntrackdNode, Firewall, Lab } from '../netns/lab.ts';
import { LINK_WORDS, MODE_WORDS, type Setting } from './setting.ts';
import type { CaseConfiguration } from './test-case.ts';

/** Milliseconds within which nodes that hear each other do so: a heartbeat comes every second. */
const HEARD_WITHIN_MS = 6_000;

/** Two firewalls on which a case is played. The primary is firewall A. */
export interface Stage {
  readonly setting: Setting;
  readonly lab: Lab;
  readonly primary: Firewall;
  readonly backup: Firewall;
  /** Starts both nodes, and waits until they hear each other, where the mode has a heartbeat. */
  start(): Promise<void>;
  /** Starts one node; the previous one on this firewall must have ended. */
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
      await Promise.all([stage.startNode(lab.a), stage.startNode(lab.b)]);
      await stage.heard();
    },
    startNode(firewall) {
      const isBackup = firewall === lab.b;
      return firewall.start({
        program: (isBackup ? setting.backup : setting.primary).program,
        configuration: configurationOf(setting, configuration, isBackup),
      });
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

import { setTimeout as elapse } from 'node:timers/promises';
import {
  addressRemoved,
  interfaceAnew,
  interfaceDown,
  type LinkFault,
  lossy,
  mtuChanged,
  oneWay,
  otherWay,
  outage,
} from '../faults/scenarios/link-faults.ts';
import { HALF_REQUEST, openClients } from '../faults/stage/clients.ts';
import type { Random } from '../random.ts';
import type { SoakPair } from './soak-pair.ts';

/** A fault as a soak lets it come. */
export interface SoakFault {
  readonly name: string;
  /** How often it comes, compared with others. */
  readonly weight: number;
  /** Whether a node ends in it. */
  readonly endsNode: boolean;
  /** Resolves when the fault is over. */
  run(pair: SoakPair, random: Random): Promise<void>;
}

const LINK_MS = { least: 500, most: 12_000 } as const;
const HALT_MS = { least: 200, most: 3_000 } as const;
const CLIENTS = 100;
const CLIENTS_MS = 3_000;

function onLink(name: string, fault: LinkFault): SoakFault {
  return {
    name,
    weight: 2,
    endsNode: false,
    run: ({ lab }, random) => fault(lab, random.between(LINK_MS.least, LINK_MS.most)),
  };
}

function halted(name: string, which: 'active' | 'standby'): SoakFault {
  return {
    name,
    weight: 1,
    endsNode: false,
    async run(pair, random) {
      const node = pair[which].node();
      node.signal('SIGSTOP');
      await elapse(random.between(HALT_MS.least, HALT_MS.most));
      node.signal('SIGCONT');
    },
  };
}

function restarted(name: string, which: 'active' | 'standby', how: 'kill' | 'stop'): SoakFault {
  return { name, weight: 1, endsNode: true, run: (pair) => pair.restart(pair[which].side, how) };
}

const FAULTS: readonly SoakFault[] = [
  onLink('outage', outage),
  onLink('one way', oneWay),
  onLink('other way', otherWay),
  onLink('30 % loss', lossy),
  onLink('interface down', interfaceDown),
  onLink('interface anew', interfaceAnew),
  onLink('address removed', addressRemoved),
  onLink('MTU changed', mtuChanged),
  halted('active halted', 'active'),
  halted('standby halted', 'standby'),
  { name: 'failover', weight: 4, endsNode: false, run: (pair) => pair.failover() },
  {
    name: 'idle clients',
    weight: 1,
    endsNode: false,
    async run(pair) {
      const clients = openClients(pair.active.node().paths.controlSocket, CLIENTS, HALF_REQUEST);
      await elapse(CLIENTS_MS);
      clients.close();
    },
  },
  restarted('active killed', 'active', 'kill'),
  restarted('active ended', 'active', 'stop'),
  restarted('standby killed', 'standby', 'kill'),
  restarted('standby ended', 'standby', 'stop'),
  {
    name: 'both killed',
    weight: 1,
    endsNode: true,
    run: async (pair) => void (await Promise.all([pair.restart('a', 'kill'), pair.restart('b', 'kill')])),
  },
];

/** The faults that a soak chooses from. */
export function soakFaults(isWithoutRestarts: boolean): readonly SoakFault[] {
  return FAULTS.filter(({ endsNode }) => !(isWithoutRestarts && endsNode));
}

/** One of the faults, by their weights, which are whole numbers. */
export function pickFault(faults: readonly SoakFault[], random: Random): SoakFault {
  return random.pick(faults.flatMap((fault) => Array.from({ length: fault.weight }, () => fault)));
}

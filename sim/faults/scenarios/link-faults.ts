import { setTimeout as elapse } from 'node:timers/promises';
import type { Firewall, Lab } from '../../netns/lab.ts';
import { syncAddress } from '../../netns/topology.ts';
import type { PairChanges } from '../pair-kind.ts';
import { ALL_PAIRS, type Scenario } from '../scenario.ts';

/** Does something to the link, and resolves when it is as it should be again. */
export type LinkFault = (lab: Lab, lastsMs: number) => Promise<void>;

const LINK = 'sync0';
const SMALL_MTU = 1_000;
const USUAL_MTU = 1_500;

async function loseAt(firewalls: readonly Firewall[], percent: number, lastsMs: number): Promise<void> {
  const losses = await Promise.all(firewalls.map((firewall) => firewall.lose(percent)));
  await elapse(lastsMs);
  await Promise.all(losses.map((loss) => loss.stop()));
}

/** Gives the ends of the link their addresses, as far as they lack them, and sets them up. */
async function address(...firewalls: readonly Firewall[]): Promise<void> {
  const each = firewalls.map(({ namespace, side }) => {
    const { v4, v6 } = syncAddress(side, 0);
    return namespace.ip(
      `link set ${LINK} multicast on`,
      `addr replace ${v4}/24 dev ${LINK}`,
      `addr replace ${v6}/64 dev ${LINK} nodad`,
      `link set ${LINK} up`,
    );
  });
  await Promise.all(each);
}

export const outage: LinkFault = ({ a, b }, lastsMs) => loseAt([a, b], 100, lastsMs);
export const oneWay: LinkFault = ({ a }, lastsMs) => loseAt([a], 100, lastsMs);
export const otherWay: LinkFault = ({ b }, lastsMs) => loseAt([b], 100, lastsMs);
export const lossy: LinkFault = ({ a, b }, lastsMs) => loseAt([a, b], 30, lastsMs);

export const interfaceDown: LinkFault = async ({ a }, lastsMs) => {
  await a.setLinks('down', LINK);
  await elapse(lastsMs);
  // Without `keep_addr_on_down` an interface that goes down loses its IPv6 addresses.
  await address(a);
};

/** As when a bond or VLAN is configured anew: the same name and addresses, another index. */
export const interfaceAnew: LinkFault = async ({ a, b }, lastsMs) => {
  await a.namespace.ip(`link del ${LINK}`);
  await elapse(lastsMs);
  await a.namespace.ip(`link add ${LINK} type veth peer name ${LINK} netns ${b.namespace.name}`);
  await address(a, b);
};

export const addressRemoved: LinkFault = async ({ a }, lastsMs) => {
  const { v4, v6 } = syncAddress('a', 0);
  await a.namespace.ip(`addr del ${v4}/24 dev ${LINK}`, `addr del ${v6}/64 dev ${LINK}`);
  await elapse(lastsMs);
  await address(a);
};

/** Both ends: with one alone, large datagrams are lost for good, which no program mends. */
export const mtuChanged: LinkFault = async ({ a, b }, lastsMs) => {
  const set = (mtu: number) =>
    Promise.all([a, b].map(({ namespace }) => namespace.ip(`link set ${LINK} mtu ${mtu}`)));
  await set(SMALL_MTU);
  await elapse(lastsMs);
  await set(USUAL_MTU);
  // Below an MTU of 1,280 there is no IPv6, nor are its addresses afterwards.
  await address(a, b);
};

function scenario(
  name: string,
  title: string,
  fault: LinkFault,
  lastsMs: number,
  changes: PairChanges = {},
): Scenario {
  return {
    name,
    title,
    pairs: ALL_PAIRS,
    target: {},
    changes: () => changes,
    async run(stage) {
      const churn = await stage.churn();
      await fault(stage.lab, lastsMs);
      const endedAt = performance.now();
      // Some events come after the fault: what was lost shows by what follows it.
      await elapse(300);
      await churn.stop();
      return stage.recovery(endedAt);
    },
  };
}

const SHORT_QUEUE: PairChanges = { configuration: { inMode: ['ResendQueueSize 5000'] } };

export const LINK_FAULTS: readonly Scenario[] = [
  scenario('outage', 'outage of 10 s, longer than the resend queue (5,000)', outage, 10_000, SHORT_QUEUE),
  scenario('one-way', 'primary hears nothing for 8 s', oneWay, 8_000),
  scenario('other-way', 'backup hears nothing for 8 s', otherWay, 8_000),
  scenario('loss-30', '30 % loss in both directions for 8 s', lossy, 8_000),
  scenario('interface-down', 'interface down for 5 s', interfaceDown, 5_000),
  scenario('interface-anew', 'interface deleted, and made anew after 5 s', interfaceAnew, 5_000),
  scenario('address-removed', "primary's address removed for 5 s", addressRemoved, 5_000),
  scenario('mtu-changed', 'MTU 1,000 for 5 s', mtuChanged, 5_000),
];

import { type Scenario, ScenarioCluster } from './scenario.ts';

/** Longer than a node keeps anything for a peer that is silent, in seconds. */
const OUTAGE_SECONDS = 70;
const NODES = [0, 1, 2];

export const LONG_OUTAGE: Scenario = {
  name: 'long-outage',
  title:
    'Of three FT-FW nodes on one multicast group two do not hear each other for 70 seconds, then one hears and reaches nobody for as long, with traffic on all. C has one sequence state for all senders.',
  async play(program, report) {
    const setup = new ScenarioCluster(program, NODES.length, { active: NODES });
    await setup.pass(8);
    const nobodyNear = [1, 2].flatMap((other): [number, number][] => [
      [0, other],
      [other, 0],
    ]);
    for (const { what, paths } of [
      { what: 'nodes 0 and 1 do not hear each other', paths: nobodyNear.slice(0, 2) },
      { what: 'node 0 is cut off', paths: nobodyNear },
    ]) {
      for (const [from, to] of paths) setup.cluster.network.block(0, from, to);
      await setup.traffic(OUTAGE_SECONDS);
      for (const [from, to] of paths) setup.cluster.network.unblock(0, from, to);
      const violation = await setup.verdict();
      for (const node of NODES) {
        const there = NODES.filter((other) => other !== node).reduce(
          (sum, other) => sum + setup.flows(other).kernel,
          0,
        );
        report(
          `after ${what}: node ${node} knows of ${setup.flows(node).known} flows; the others have ${there}`,
        );
      }
      if (violation !== undefined) return violation;
    }
    return undefined;
  },
};

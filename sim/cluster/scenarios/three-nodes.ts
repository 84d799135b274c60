import { FAIR_CONDITIONS } from '../network.ts';
import { type Scenario, ScenarioCluster } from './scenario.ts';

export const THREE_NODES: Scenario = {
  name: 'three-nodes',
  title:
    'Three FT-FW nodes on one multicast group, one datagram in fifty lost. C has one sequence state for all senders.',
  async play(program, report) {
    const setup = new ScenarioCluster(program, 3, { active: [0, 1, 2] });
    await setup.pass(3);
    setup.cluster.network.setConditions(0, { ...FAIR_CONDITIONS, loss: 0.02 });
    await setup.traffic(10);
    setup.cluster.network.setConditions(0, FAIR_CONDITIONS);
    const violation = await setup.verdict();
    for (const node of [0, 1, 2]) {
      const others = [0, 1, 2].filter((other) => other !== node);
      const there = others.reduce((sum, other) => sum + setup.flows(other).kernel, 0);
      report(`node ${node} knows of ${setup.flows(node).known} flows; the two others have ${there}`);
    }
    return violation;
  },
};

import { type Scenario, ScenarioCluster } from './scenario.ts';

export const FALSE_HELLO: Scenario = {
  name: 'false-hello',
  title:
    'Somebody says HELLO in the name of both nodes, twice a second and with arbitrary numbers, also while the tables are compared.',
  async play(program, report) {
    const setup = new ScenarioCluster(program, 2);
    await setup.pass(3);
    setup.cluster.addStranger();
    await setup.traffic(10);
    const violation = await setup.verdict();
    report(`node 0 has ${setup.flows(0).kernel} flows, node 1 knows of ${setup.flows(1).known}`);
    return violation;
  },
};

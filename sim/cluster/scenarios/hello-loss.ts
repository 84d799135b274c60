import { FAIR_CONDITIONS } from '../network.ts';
import { type Scenario, ScenarioCluster } from './scenario.ts';

export const HELLO_LOSS: Scenario = {
  name: 'hello-loss',
  title: 'Three datagrams in ten are lost during the handshake. C sees no gaps as long as HELLO is sent.',
  async play(program, report) {
    const setup = new ScenarioCluster(program, 2, { rate: 1000, population: 1000 });
    setup.cluster.network.setConditions(0, { ...FAIR_CONDITIONS, loss: 0.3 });
    await setup.traffic(2);
    setup.cluster.network.setConditions(0, FAIR_CONDITIONS);
    const violation = await setup.verdict();
    report(`node 0 has ${setup.flows(0).kernel} flows, node 1 knows of ${setup.flows(1).known}`);
    return violation;
  },
};

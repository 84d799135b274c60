import { type Scenario, ScenarioCluster } from './scenario.ts';

const HOUR = 3600;

export const LOWER_NUMBER: Scenario = {
  name: 'lower-number',
  title:
    'Node 0 starts again with a lower number, and its HELLO is lost: an old answer makes it believe that its HELLO was answered.',
  async play(program, report) {
    // Our nodes draw their first numbers: with this seed the second one is lower.
    const setup = new ScenarioCluster(program, 2, { seed: 4 });
    const { network, hosts } = setup.cluster;
    network.block(0, 1, 0);
    await setup.traffic(5);
    report('node 0 sends HELLO, and the answers of node 1 are lost');
    hosts[0]!.kill();
    network.block(0, 0, 1);
    hosts[0]!.start(-HOUR);
    network.unblock(0, 1, 0);
    report(
      'node 0 restarts, its clock an hour back: now all that it sends is lost, and an old answer arrives',
    );
    await setup.traffic(3);
    network.unblock(0, 0, 1);
    report('the way is open again in both directions');
    await setup.traffic(10);
    const violation = await setup.verdict();
    report(`node 0 has ${setup.flows(0).kernel} flows, node 1 knows of ${setup.flows(1).known}`);
    return violation;
  },
};

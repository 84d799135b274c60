import { writeU32 } from '../../../src/bytes/integers.ts';
import { Flag, MessageType, RANGE_SIZE, writeHeader } from '../../../src/wire/header.ts';
import { type Scenario, ScenarioCluster } from './scenario.ts';

/** The attacker does not see the traffic. It knows the time, and that C's numbers begin with it. */
const GUESSED_FROM = 1_699_990_000;
const GUESSED_TO = 1_700_100_000;

export const FORGED_ACK: Scenario = {
  name: 'forged-ack',
  title:
    'The way from node 0 to node 1 fails for two seconds, and a stranger sends acknowledgements in the name of node 1.',
  async play(program, report) {
    const setup = new ScenarioCluster(program, 2);
    const { cluster } = setup;
    await setup.pass(3);
    await setup.traffic(5);
    cluster.network.block(0, 0, 1);
    report('the way from node 0 to node 1 fails');
    cluster.startTraffic();
    for (let second = 0; second < 2; second += 0.1) {
      await setup.pass(0.1);
      for (const to of guesses())
        cluster.hosts[0]!.arrive(0, 1, -1, forgedAck(GUESSED_FROM, to), cluster.world.now);
    }
    cluster.stopTraffic();
    report(
      `a stranger has sent node 0 ${20 * [...guesses()].length} acknowledgements of numbers around its clock`,
    );
    cluster.network.unblock(0, 0, 1);
    report('the way is open again');
    const violation = await setup.verdict();
    report(`node 0 has ${setup.flows(0).kernel} flows, node 1 knows of ${setup.flows(1).known}`);
    return violation;
  },
};

function* guesses(): Generator<number> {
  for (let to = GUESSED_FROM + 10_000; to <= GUESSED_TO; to += 10_000) yield to;
}

/** An ACK for a number ahead of all that the peer has used, if they began with its clock. */
function forgedAck(from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(RANGE_SIZE);
  writeHeader(bytes, 0, MessageType.CONTROL, Flag.ACK, RANGE_SIZE, GUESSED_TO);
  writeU32(bytes, 8, from);
  writeU32(bytes, 12, to);
  return bytes;
}

import { Violation } from '../violation.ts';
import { type Scenario, ScenarioCluster } from './scenario.ts';

const NODES = [0, 1, 2];
/** How long no link joins all nodes, in seconds. */
const APART_SECONDS = 50;
/** What all nodes together may send for a flow event, repairs and keep-alives included. */
const BYTES_AN_EVENT_MAX = 150;

export const NO_COMMON_LINK: Scenario = {
  name: 'no-common-link',
  title:
    'Of three FT-FW nodes on two multicast links one loses the first link and another one the second, for 50 seconds, with traffic on all: only the third hears both, on different links. C has one sequence state for all senders.',
  async play(program, report) {
    const setup = new ScenarioCluster(program, NODES.length, { active: NODES, wires: 2 });
    const { cluster } = setup;
    await setup.pass(8);
    const lasts = APART_SECONDS * 1000;
    for (const node of [0, 1]) cluster.begin({ kind: 'interface', round: 0, at: 0, wire: node, node, lasts });
    const [bytes, events] = [cluster.network.figures.bytes, cluster.packets];
    await setup.traffic(APART_SECONDS);
    const each = (cluster.network.figures.bytes - bytes) / (cluster.packets - events);
    report(`${Math.round(each)} bytes sent for an event`);
    const there = setup.flows(0).kernel + setup.flows(1).kernel;
    report(`node 2 knows of ${setup.flows(2).known} flows; the others have ${there}`);
    const violation = await setup.verdict();
    if (violation !== undefined || each <= BYTES_AN_EVENT_MAX) return violation;
    return new Violation('repairs without end', `${Math.round(each)} bytes for a flow event`);
  },
};

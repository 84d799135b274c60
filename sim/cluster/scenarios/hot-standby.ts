import { Request } from '../../../src/control/codes.ts';
import { Protocol } from '../../../src/flow/protocol.ts';
import { Status } from '../../../src/flow/status.ts';
import { encodeFlow } from '../../../src/wire/encode.ts';
import type { Cluster } from '../cluster.ts';
import { type Scenario, ScenarioCluster } from './scenario.ts';

/** Connections that live for the whole hour and make no events. */
const STREAMS = 30;
/** Seconds that a stream lives without a packet, and from one packet to the next. */
const STREAM_TIMEOUT = 30;
const STREAM_INTERVAL = 1;

const HALF_HOUR = 1800;

export const HOT_STANDBY: Scenario = {
  name: 'hot-standby',
  title:
    'An hour of traffic through node 0, with UDP streams that make no events; after half of it the daemon of node 1 is away for a minute. In the end the kernel of node 1 must be as that of node 0.',
  async play(program, report) {
    const setup = new ScenarioCluster(
      program,
      2,
      { rate: 5, population: 200 },
      {
        disableExternalCache: true,
        commitTimeout: undefined,
        standby: { keep: true, resyncSeconds: 300 },
      },
    );
    const { cluster } = setup;
    await setup.pass(3);
    startStreams(cluster);
    await setup.traffic(HALF_HOUR);
    report('the daemon of node 1 ends');
    cluster.hosts[1]!.kill();
    await setup.traffic(60);
    cluster.hosts[1]!.start();
    await setup.traffic(1);
    await cluster.request(1, Request.REQUEST_RESYNC, 'request resync (-n)');
    report('it is there again, and asks for a resync (-n)');
    await setup.traffic(HALF_HOUR);
    const violation = await setup.verdict();
    report(`node 0 has ${setup.flows(0).kernel} flows in its kernel, node 1 ${setup.flows(1).kernel}`);
    return violation;
  },
};

/** Begins streams through node 0, each of which gets a packet now and then that changes nothing but its timeout. */
function startStreams({ hosts, world }: Cluster): void {
  const { kernel } = hosts[0]!;
  const handles = Array.from({ length: STREAMS }, (_, n) => {
    const record = encodeFlow({
      original: {
        family: 4,
        source: `10.200.0.${n + 1}`,
        destination: '192.0.2.200',
        protocol: Protocol.UDP,
        ports: { source: 40_000, destination: 5004 },
      },
      status: Status.CONFIRMED | Status.SEEN_REPLY | Status.ASSURED,
    });
    return kernel.begin(record, 0, record.length, STREAM_TIMEOUT);
  });
  const next = () => {
    for (const handle of handles) kernel.extend(handle, STREAM_TIMEOUT);
    world.at(world.now + STREAM_INTERVAL * 1000, next);
  };
  next();
}

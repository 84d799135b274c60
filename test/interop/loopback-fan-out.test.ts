import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type InsideProgram, startInside } from '../../sim/netns/inside-programs.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import type { RunningProcess } from '../../sim/netns/process.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { until } from '../../sim/netns/until.ts';
import { ourProgram } from './programs.ts';

/** A node of a mesh of gateways: it sends to the copier beside it, and all that it receives comes from there. */
const NODE = '127.0.0.1';
const COPIER = '127.0.0.2';
const PORT = 3780;
const MESH_PORT = 4780;

interface CopierOptions {
  readonly node: string;
  readonly own: string;
  readonly port: number;
  readonly meshPort: number;
  readonly peers: readonly string[];
}

/** Sends each datagram of its node on to the copiers of all peers, and what those send to its node. */
const copier: InsideProgram<CopierOptions> = ({ dgram, report }, { node, own, port, meshPort, peers }) => {
  const local = dgram.createSocket('udp4');
  const mesh = dgram.createSocket('udp4');
  local.on('message', (message) => {
    for (const peer of peers) mesh.send(message, meshPort, peer, () => {});
  });
  mesh.on('message', (message) => local.send(message, port, node, () => {}));
  local.bind(port, own, () => mesh.bind(meshPort, () => report({ ready: true })));
};

/**
 * NOTRACK begins its numbers at the time of day. A gateway that starts with another time starts far from where its numbers
 * were, as one does that has sent more than a message a second.
 */
const CLOCK_STEP_S = 10_000_000;

interface Gateway {
  readonly namespace: Namespace;
  readonly configuration: string;
  node: RunningProcess;
}

let scope: Scope;
let gateways: Gateway[];

beforeEach(async () => {
  scope = openScope('mesh');
  const names = ['gwa', 'gwb', 'gwc'];
  const mesh = await createNamespace(scope, 'm');
  await mesh.ip('link add br0 type bridge forward_delay 0', 'link set br0 up');
  gateways = [];
  for (const [n, name] of names.entries()) {
    const namespace = await createNamespace(scope, name);
    await mesh.ip(
      `link add ${name} type veth peer name eth0 netns ${namespace.name}`,
      `link set ${name} master br0`,
      `link set ${name} up`,
    );
    await namespace.ip(`addr add 10.9.0.${n + 1}/24 dev eth0`, 'link set eth0 up');
    // A namespace tracks as soon as its rules ask for a state.
    await namespace.nft(
      'table ip t { chain c { type filter hook input priority 0; ct state established accept; }; }',
    );
    const peers = names.flatMap((_, other) => (other === n ? [] : [`10.9.0.${other + 1}`]));
    const options = { node: NODE, own: COPIER, port: PORT, meshPort: MESH_PORT, peers };
    let isReady = false;
    const child = await startInside(namespace, copier, options);
    child.onLine(() => {
      isReady = true;
    });
    await until('the copier listens', () => isReady);
    const configuration = join(scope.directory, `${name}.conf`);
    await writeFile(configuration, configurationOf(name));
    gateways.push({ namespace, configuration, node: await startNode(namespace, configuration) });
  }
});

afterEach(() => scope.close());

function configurationOf(name: string): string {
  return `Sync {
  Mode NOTRACK {
    DisableInternalCache On
    DisableExternalCache On
  }
  UDP {
    IPv4_address ${NODE}
    IPv4_Destination_Address ${COPIER}
    Port ${PORT}
    Interface lo
  }
}
General {
  LockFile ${join(scope.directory, `${name}.lock`)}
  UNIX { Path ${join(scope.directory, `${name}.ctl`)} }
  LogFile ${join(scope.directory, `${name}.log`)}
}
`;
}

const ask = (namespace: Namespace, configuration: string, ...words: readonly string[]) =>
  namespace.must(ourProgram.command, [...ourProgram.args, '-C', configuration, ...words]);

async function startNode(
  namespace: Namespace,
  configuration: string,
  clockStepS = 0,
): Promise<RunningProcess> {
  const clock = `const now = Date.now; Date.now = () => now() + ${clockStepS * 1000};`;
  const node = await namespace.start(ourProgram.command, [
    `--import=data:text/javascript,${encodeURIComponent(clock)}`,
    ...ourProgram.args,
    '-C',
    configuration,
  ]);
  await until('the node answers', () => ask(namespace, configuration, '-s'));
  return node;
}

/** Gives a gateway's kernel a flow, and waits until the kernels of the others have it. */
async function expectEverywhere(from: number, port: number): Promise<void> {
  const flow = `-I -p udp -s 10.1.1.${from + 1} -d 10.2.2.2 --sport ${port} --dport 53 -t 600`;
  await gateways[from]!.namespace.must('conntrack', flow.split(' '));
  for (const { namespace } of gateways)
    await until(`flow ${port} in ${namespace.name}`, async () =>
      (await namespace.must('conntrack', ['-L', '-p', 'udp'])).includes(`sport=${port} `),
    );
}

async function lostMessages({ namespace, configuration }: Gateway): Promise<number> {
  const { network } = JSON.parse(await ask(namespace, configuration, '-s', 'network', '--json'));
  expect(network).toMatchObject({ malformed: 0 });
  return network.lost;
}

test('a mesh of gateways behind copiers goes on injecting when one restarts, and the others count no loss', async () => {
  for (let round = 0; round < 6; round++)
    for (const from of [0, 1, 2]) await expectEverywhere(from, 1000 + 10 * round + from);
  // Until a node knows that several senders share the address, their numbers look like gaps.
  const [first, ...others] = gateways as [Gateway, ...Gateway[]];
  const learnt = await Promise.all(others.map(lostMessages));

  await first.node.stop('SIGKILL');
  for (const name of ['lock', 'ctl']) await rm(join(scope.directory, `gwa.${name}`));
  first.node = await startNode(first.namespace, first.configuration, CLOCK_STEP_S);
  for (let round = 0; round < 6; round++)
    for (const from of [0, 1, 2]) await expectEverywhere(from, 2000 + 10 * round + from);
  expect(await Promise.all(others.map(lostMessages))).toEqual(learnt);
});

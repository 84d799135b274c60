import { join } from 'node:path';
import { askNode } from '../../sim/netns/ask.ts';
import { type Crowd, openCrowd } from '../../sim/netns/crowd.ts';
import type { CrowdReport } from '../../sim/netns/inside-programs.ts';
import { startKeepalived } from '../../sim/netns/keepalived.ts';
import { ADDRESSES, type Firewall, type Lab, until } from '../../sim/netns/lab.ts';
import { JSON_FORM, RoleRequest } from '../../src/control/codes.ts';
import type { RoleStatistics } from '../../src/control/role.ts';
import { ourProgram } from './programs.ts';

/** What `-s` knows of a node's role. */
export async function roleOf({ node }: Firewall): Promise<RoleStatistics> {
  return JSON.parse(await askNode(node().paths.controlSocket, RoleRequest.SHOW + JSON_FORM));
}

/** Connections of a failover. */
export const COUNT = 120;

/**
 * Lets the primary of a pair with keepalived die while the backup's daemon is held up: from the moment when the backup has the
 * virtual addresses until `heldUp` resolves. Returns what became of the connections.
 * @param settings of both nodes, beside those of the FIFO
 */
export async function failOver(
  lab: Lab,
  settings: string,
  heldUp: (crowd: Crowd) => Promise<void>,
): Promise<CrowdReport> {
  const fifoOf = (directory: string) => join(directory, 'keepalived.fifo');
  const node = {
    program: ourProgram,
    settings: ({ directory }: { readonly directory: string }) =>
      `[failover]\nkeepalived_fifo = "${fifoOf(directory)}"\ngroup = "G1"\n${settings}`,
  };
  await lab.startNodes({ a: node, b: node });
  const [nodeA, nodeB] = [lab.a.node(), lab.b.node()];
  const a = await startKeepalived(lab, lab.a, { fifo: fifoOf(nodeA.paths.directory) });
  await a.untilMaster();
  const b = await startKeepalived(lab, lab.b, { fifo: fifoOf(nodeB.paths.directory) });
  await b.untilBackup();
  await until('A primary, B backup', async () => {
    const [roleA, roleB] = [await roleOf(lab.a), await roleOf(lab.b)];
    return roleA.role === 'primary' && !roleA.changing && roleB.role === 'backup' && !roleB.changing;
  });
  const crowd = await openCrowd(lab.client, lab.server, {
    address: ADDRESSES.server.v4,
    port: 7100,
    count: COUNT,
    intervalMs: 200,
  });
  await until('the connections at B', async () => {
    const flows = await nodeB.cache('external');
    return (
      flows.filter(({ state, text }) => state === 'ESTABLISHED' && text.includes('dport=7100')).length >=
      COUNT
    );
  });

  nodeB.signal('SIGSTOP');
  await nodeA.kill();
  await a.kill();
  await lab.a.setLinks('down', 'in0', 'out0');
  await b.untilMaster();
  await heldUp(crowd);
  nodeB.signal('SIGCONT');
  await until('B primary', async () => {
    const role = await roleOf(lab.b);
    return role.role === 'primary' && !role.changing;
  });
  crowd.mark();
  await until(
    'something on every connection that is left',
    async () => {
      const { open, served } = await crowd.status();
      return served === open;
    },
    30_000,
  );
  return crowd.status();
}

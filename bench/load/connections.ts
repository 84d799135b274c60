import type { InsideProgram } from '../../sim/netns/inside-programs.ts';
import type { Lab } from '../../sim/netns/lab.ts';
import { ADDRESSES } from '../../sim/netns/topology.ts';
import { runInside } from './run-inside.ts';

interface Connections {
  readonly address: string;
  readonly port: number;
  readonly count: number;
  /** Connections opened per second. */
  readonly rate: number;
}

/** The laboratory's echo server. */
const SERVER_PORT = 7000;

/** Opens TCP connections at a rate; each carries one line and its echo, then closes normally. */
const connections: InsideProgram<Connections> = ({ net, report }, { address, port, count, rate }) => {
  let begun = 0;
  let ended = 0;
  let failed = 0;
  const start = performance.now();
  const open = () => {
    const socket = net.connect({ host: address, port });
    socket.on('connect', () => socket.write('x\n'));
    socket.on('data', () => socket.end());
    socket.on('error', () => {
      failed++;
    });
    socket.on('close', () => {
      if (++ended === count) report({ failed });
    });
  };
  const timer = setInterval(() => {
    const due = Math.min(count, ((performance.now() - start) / 1000) * rate);
    while (begun < due) {
      begun++;
      open();
    }
    if (begun === count) clearInterval(timer);
  }, 2);
};

/**
 * Makes real connections from the client to the server, through the active firewall; resolves when all are closed.
 * @throws Error if a connection failed, or the program ended before that
 */
export async function makeConnections(lab: Lab, count: number, rate: number): Promise<void> {
  const options: Connections = { address: ADDRESSES.server.v4, port: SERVER_PORT, count, rate };
  const { failed } = await runInside<Connections, { failed: number }>(lab.client, connections, options);
  if (failed !== 0) throw new Error(`${failed} of ${count} connections failed`);
}

import { setTimeout as sleep } from 'node:timers/promises';
import { type InsideProgram, startInside } from './inside-programs.ts';
import type { Namespace } from './namespace.ts';
import { type Side, syncAddress } from './topology.ts';
import { until } from './until.ts';

/** A plain UDP socket that acts as a node's peer: it receives what the node sends, and sends the bytes that it is given. */
export interface WirePeer {
  /** All received datagrams, in order. */
  readonly received: readonly Buffer[];
  send(datagram: Uint8Array): void;
  /** Waits until nothing has arrived for `quiet` milliseconds, at most `limit`. */
  settle(quiet?: number, limit?: number): Promise<void>;
  close(): Promise<void>;
}

interface WirePeerOptions {
  readonly address: string;
  readonly peer: string;
  readonly port: number;
}

const wirePeer: InsideProgram<WirePeerOptions> = ({ dgram, report, onCommand }, { address, peer, port }) => {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message) => report({ hex: message.toString('hex') }));
  socket.bind(port, address, () => report({ ready: true }));
  onCommand(({ line }) => {
    // A dead node's host answers with ICMP errors; the caller must notice what the node does not receive.
    if (line !== undefined) socket.send(Buffer.from(line, 'hex'), port, peer, () => {});
  });
};

/** Acts as the conntrackd on this side of the first sync link. */
export async function startWirePeer(namespace: Namespace, side: Side, port = 3780): Promise<WirePeer> {
  const options = {
    address: syncAddress(side, 0).v4,
    peer: syncAddress(side === 'a' ? 'b' : 'a', 0).v4,
    port,
  };
  const process_ = await startInside(namespace, wirePeer, options);
  const received: Buffer[] = [];
  let ready = false;
  let receivedAt = 0;
  process_.onLine((line) => {
    const report = JSON.parse(line) as { ready?: boolean; hex?: string };
    if (report.ready) ready = true;
    if (report.hex === undefined) return;
    received.push(Buffer.from(report.hex, 'hex'));
    receivedAt = performance.now();
  });
  await until(`a socket on ${options.address}:${port}`, () => {
    if (!process_.running()) throw new Error(process_.stderr().trim());
    return ready;
  });
  return {
    received,
    send: (datagram) => process_.send(JSON.stringify({ line: Buffer.from(datagram).toString('hex') })),
    async settle(quiet = 150, limit = 3_000) {
      const begin = performance.now();
      for (let now = begin; now - Math.max(begin, receivedAt) < quiet && now - begin < limit; ) {
        await sleep(10);
        now = performance.now();
      }
    },
    close: async () => void (await process_.stop('SIGKILL')),
  };
}

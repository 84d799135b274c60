// A peer for tests, in FT-FW mode over UDP: it plants flows in the other node, and reads those that it got. Needs no root.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import * as ct from 'conntrackd-ts';

/** @param local, remote { address, port } of this peer and of the other node */
export async function openPeer(local, remote) {
  const now = () => performance.now();
  const internal = ct.internalCaches(10_000);
  const external = ct.externalCaches(10_000);
  const options = { resendQueueSize: 10_000, ackWindowSize: 20, initialSequence: randomInt(2 ** 32) };
  const engine = new ct.FtFw(internal, options, now());
  const replica = new ct.Replica(internal, external, engine);
  const socket = createSocket('udp4');
  const send = (bytes, length) => socket.send(bytes.slice(0, length), remote.port, remote.address);
  const out = new ct.Collector(1472, send);
  let timer;
  const turn = () => {
    engine.handleTimeout(now());
    while (engine.pollTransmit(out, now(), 100) === ct.TransmitResult.MORE);
    engine.pollEvents();
    clearTimeout(timer);
    timer = setTimeout(turn, Math.min(1000, Math.max(1, engine.pollTimeout() - now())));
  };
  socket.on('message', (bytes) => {
    replica.handleDatagram(0, bytes, 0, bytes.length, now());
    turn();
  });
  await new Promise((resolve) => socket.bind(local.port, local.address, resolve));
  turn();
  const change = (kind, flow) => {
    const record = ct.encodeFlow(flow);
    replica.handleKernelChange(ct.Item.FLOW, kind, ct.Origin.OTHER, record, record.length, now());
    turn();
  };
  return {
    plant: (flow) => change(ct.Change.NEW, flow),
    end: (flow) => change(ct.Change.DESTROY, flow),
    flows: () => ct.flowsIn(external.flows),
    close() {
      clearTimeout(timer);
      socket.close();
    },
  };
}

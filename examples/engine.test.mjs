// node --test engine.test.mjs: two engines in virtual time, on a link that loses every third datagram for 5 s.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ct from 'conntrackd-ts';

/** A node without a kernel, a socket or a clock. */
function makeNode(initialSequence) {
  const internal = ct.internalCaches(1000);
  const external = ct.externalCaches(1000);
  const engine = new ct.FtFw(internal, { resendQueueSize: 1000, ackWindowSize: 20, initialSequence }, 0);
  return { engine, external, replica: new ct.Replica(internal, external, engine), sent: [] };
}

test('FT-FW sends again what is lost, until both nodes have the same', () => {
  const nodes = [makeNode(1000), makeNode(2000)];
  const collectors = nodes.map(
    ({ sent }) => new ct.Collector(1472, (bytes, length) => sent.push(bytes.slice(0, length))),
  );
  for (let port = 1; port <= 100; port++) {
    const ports = { source: port, destination: 443 };
    const original = { family: 4, source: '192.0.2.1', destination: '198.51.100.7', protocol: 6, ports };
    const record = ct.encodeFlow({ original, tcp: { state: 3 } });
    nodes[0].replica.handleKernelChange(
      ct.Item.FLOW,
      ct.Change.NEW,
      ct.Origin.OTHER,
      record,
      record.length,
      0,
    );
  }
  let datagrams = 0;
  for (let now = 0; now < 10_000; now++) {
    for (const [n, { engine, sent }] of nodes.entries()) {
      if (engine.pollTimeout() <= now) engine.handleTimeout(now);
      while (engine.pollTransmit(collectors[n], now, 100) === ct.TransmitResult.MORE);
      for (const bytes of sent.splice(0)) {
        const isLost = now < 5000 && datagrams++ % 3 === 0;
        if (!isLost) nodes[1 - n].replica.handleDatagram(0, bytes, 0, bytes.length, now);
      }
    }
  }
  assert.equal(ct.flowsIn(nodes[1].external.flows).length, 100);
  assert.ok(nodes[1].engine.counters.lost > 0, 'nothing was lost');
});

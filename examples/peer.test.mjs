// node --test peer.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Protocol } from 'conntrackd-ts';
import { openPeer } from './peer.mjs';

test('a flow that one peer plants is at the other one, until it ends', async () => {
  // Two ports that no other run of this test uses.
  const port = 10_000 + 2 * (process.pid % 10_000);
  const a = { address: '127.0.0.1', port };
  const b = { address: '127.0.0.1', port: port + 1 };
  const [one, other] = [await openPeer(a, b), await openPeer(b, a)];
  const until = async (isTrue) => {
    for (let left = 500; !isTrue(); left--) {
      assert.ok(left > 0, 'not within 5 s');
      await sleep(10);
    }
  };
  try {
    const flow = {
      original: {
        family: 4,
        source: '192.0.2.1',
        destination: '198.51.100.7',
        protocol: Protocol.TCP,
        ports: { source: 40_000, destination: 443 },
      },
      tcp: { state: 3 },
      timeout: 432_000,
    };
    one.plant(flow);
    await until(() => other.flows().length === 1);
    assert.deepEqual(other.flows()[0].original, flow.original);
    one.end(flow);
    await until(() => other.flows().length === 0);
  } finally {
    one.close();
    other.close();
  }
});

import { describe, expect, it } from 'vitest';
import { FAIR_CONDITIONS, Network, type NetworkConditions } from '../../sim/cluster/network.ts';
import { World } from '../../sim/cluster/world.ts';
import { Random } from '../../sim/random.ts';

interface Arrival {
  readonly to: number;
  readonly wire: number;
  readonly from: number;
  readonly text: string;
  readonly time: number;
}

/** Three nodes on two wires. */
function lab(seed = 1) {
  const world = new World();
  const arrivals: Arrival[] = [];
  const ports = [0, 1, 2].map((to) => ({
    arrive: (wire: number, from: number, _incarnation: number, datagram: Uint8Array) =>
      arrivals.push({ to, wire, from, text: Buffer.from(datagram).toString('latin1'), time: world.now }),
  }));
  const network = new Network(world, Random.forPurpose(seed, 'test'), 2, ports);
  const send = (text: string, wire = 0, from = 0) =>
    network.send(wire, from, 1, Buffer.from(text, 'latin1'), text.length);
  return { world, network, arrivals, send, run: () => world.run(world.now + 10_000, () => true) };
}

const conditions = (changes: Partial<NetworkConditions>): NetworkConditions => ({
  ...FAIR_CONDITIONS,
  ...changes,
});

describe('the simulated network', () => {
  it('brings what a node sends on a wire to all others, in order', async () => {
    const { arrivals, send, run } = lab();
    send('one');
    send('two', 1, 2);
    await run();
    expect(arrivals.map(({ to, wire, from, text }) => `${text} ${from}>${to} on ${wire}`)).toEqual([
      'one 0>1 on 0',
      'one 0>2 on 0',
      'two 2>0 on 1',
      'two 2>1 on 1',
    ]);
  });

  it('keeps a copy of its own of what is sent', async () => {
    const { network, arrivals, run } = lab();
    const bytes = Buffer.from('first');
    network.send(0, 0, 1, bytes, 5);
    bytes.write('other');
    await run();
    expect(arrivals[0]!.text).toBe('first');
  });

  it('loses, repeats, shortens and damages as often as configured, and counts that', async () => {
    for (const kind of ['loss', 'duplication', 'truncation', 'corruption'] as const) {
      const { network, arrivals, send, run } = lab();
      network.setConditions(0, conditions({ [kind]: 0.25 }));
      for (let n = 0; n < 1000; n++) send('abcdefgh');
      await run();
      const { lost, duplicated, truncated, corrupted } = network.figures;
      const wrong = arrivals.filter(({ text }) => text !== 'abcdefgh');
      const count = { loss: lost, duplication: duplicated, truncation: truncated, corruption: corrupted }[
        kind
      ];
      expect(count / 2000).toBeCloseTo(0.25, 1);
      expect(arrivals.length).toBe(2000 - lost + duplicated);
      // A byte that is damaged twice in the same way is whole again.
      expect(wrong.length).toBeLessThanOrEqual(truncated + corrupted);
      expect(wrong.length).toBeGreaterThanOrEqual(0.98 * (truncated + corrupted));
      expect(network.inFlight).toBe(0);
    }
  });

  it('delays, and lets datagrams overtake each other where the delay varies', async () => {
    const { network, arrivals, send, run } = lab();
    network.setConditions(0, conditions({ delay: 5, jitter: 10 }));
    for (let n = 0; n < 100; n++) send(String(n));
    await run();
    const order = arrivals.filter(({ to }) => to === 1).map(({ text }) => Number(text));
    expect(Math.min(...arrivals.map(({ time }) => time))).toBeGreaterThanOrEqual(5);
    expect(order).not.toEqual([...order].sort((a, b) => a - b));
  });

  it('blocks a direction as long as anybody wants it blocked', async () => {
    const { network, arrivals, send, run } = lab();
    network.block(0, 0, 1);
    network.block(0, 0, 1);
    send('a');
    send('b', 0, 1);
    network.unblock(0, 0, 1);
    send('c');
    network.unblock(0, 0, 1);
    send('d');
    await run();
    expect(arrivals.filter(({ to }) => to === 1).map(({ text }) => text)).toEqual(['d']);
    expect(arrivals.filter(({ to, text }) => to === 0 && text === 'b').length).toBe(1);
    expect(network.figures.blocked).toBe(2);
  });

  it('brings nothing through an interface that is down, not even what was on its way', async () => {
    const { world, network, arrivals, send, run } = lab();
    send('on its way');
    network.fail(0, 1);
    send('too late');
    await world.run(5, () => true);
    network.repair(0, 1);
    send('again');
    await run();
    expect(arrivals.filter(({ to }) => to === 1).map(({ text }) => text)).toEqual(['again']);
    expect(network.isUp(0, 1)).toBe(true);
  });

  it('does the same on the same seed', async () => {
    const all = [1, 1, 2].map(async (seed) => {
      const { network, arrivals, send, run } = lab(seed);
      network.setConditions(
        0,
        conditions({ loss: 0.2, duplication: 0.2, corruption: 0.2, truncation: 0.2, jitter: 3 }),
      );
      for (let n = 0; n < 200; n++) send(`number ${n}`);
      await run();
      return JSON.stringify(arrivals);
    });
    const [one, same, other] = await Promise.all(all);
    expect(same).toBe(one);
    expect(other).not.toBe(one);
  });
});

import { describe, expect, it } from 'vitest';
import { join, pass, type Station, watchedStations } from './station.ts';

const station = watchedStations();

interface Sent {
  readonly name: string;
  readonly at: number;
}

/** Notes in `log` each datagram that the node sends from here on, with the milliseconds of the fake clock. */
function note(name: string, node: Station, log: Sent[]): void {
  const send = node.wire!;
  node.wire = (datagram) => {
    log.push({ name, at: performance.now() });
    send(datagram);
  };
}

describe.each(['ftfw', 'notrack'] as const)('an idle pair, %s', (mode) => {
  it('wakes for the message of one node, and the nodes take turns', async () => {
    const [a, b] = [station({ mode }), station({ mode })];
    join(a, b);
    await a.start();
    await b.start();
    await pass(5.1);
    // Puts off what A sends, but not what B sends.
    a.begins(1);
    a.node.reader.readSome();
    await pass(5);
    const log: Sent[] = [];
    note('a', a, log);
    note('b', b, log);
    await pass(20);
    const pairs = log.flatMap((sent, n) => (n % 2 === 1 ? [[log[n - 1]!, sent] as const] : []));
    expect(pairs.length).toBeGreaterThanOrEqual(18);
    for (const [first, second] of pairs) {
      expect(second.name).not.toBe(first.name);
      expect(second.at - first.at).toBeLessThan(5);
    }
    const leaders = pairs.map(([{ name }]) => name);
    expect(leaders.slice(1)).toEqual(leaders.slice(1).map((_, n) => (leaders[n] === 'a' ? 'b' : 'a')));
    const gaps = pairs.slice(1).map(([{ at }], n) => at - pairs[n]![0].at);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1022);
  });
});

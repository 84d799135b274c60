import { expect, it } from 'vitest';
import { join, pass, soon, watchedStations } from './station.ts';

const station = watchedStations();

it.each(['ftfw', 'notrack'] as const)(
  'in %s a pair compares what it has once a minute, and mends a difference that nothing else shows',
  async (mode) => {
    const [primary, backup] = [station({ mode }), station({ mode })];
    join(primary, backup);
    await Promise.all([primary.start(), backup.start()]);
    for (let n = 0; n < 50; n++) primary.begins(n);
    for (let n = 100; n < 110; n++) backup.begins(n);
    await pass(200);
    const { comparisons } = backup.node.replica;
    expect(comparisons).toMatchObject({ different: 0, last: { here: 50, there: 50, isEqual: true } });
    expect(comparisons.equal).toBeGreaterThanOrEqual(2);
    expect(primary.node.replica.comparisons.last).toMatchObject({ here: 10, there: 10, isEqual: true });

    // The peer says no more of either flow by itself.
    const { flows } = backup.node.external.caches!;
    flows.drop(3);
    primary.begins(50);
    primary.node.replica.internal.flows.kill(primary.node.replica.internal.flows.table.slots - 2);
    await soon();
    backup.logged();
    await pass(70);
    expect(comparisons.different).toBe(1);
    expect(backup.logged()).toContain(
      '[warning] the other node has 50 flows, and this node has 50 of it, which are not the same',
    );
    expect(backup.cached('external')).toEqual(primary.cached('internal'));
    await pass(70);
    expect(comparisons).toMatchObject({ different: 1, last: { isEqual: true } });
  },
);

it('is no help beside a full cache, which lacks what it has no room for', async () => {
  const [primary, backup] = [station(), station({ hashLimit: 20 })];
  join(primary, backup);
  await Promise.all([primary.start(), backup.start()]);
  for (let n = 0; n < 50; n++) primary.begins(n);
  await pass(200);
  expect(backup.node.replica.comparisons).toMatchObject({ equal: 0, different: 0 });
});

it('is not sent by a node without an internal cache', async () => {
  const [primary, backup] = [
    station({ mode: 'notrack', disableInternalCache: true }),
    station({ mode: 'notrack' }),
  ];
  join(primary, backup);
  await Promise.all([primary.start(), backup.start()]);
  for (let n = 0; n < 5; n++) primary.begins(n);
  await pass(200);
  expect(backup.cached('external')).toHaveLength(5);
  expect(backup.node.replica.comparisons).toMatchObject({ equal: 0, different: 0 });
});

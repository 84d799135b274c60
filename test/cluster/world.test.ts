import { describe, expect, it } from 'vitest';
import { Process } from '../../sim/cluster/process.ts';
import { World } from '../../sim/cluster/world.ts';
import { Random } from '../../sim/random.ts';

const always = () => true;

describe('virtual time', () => {
  it('goes from plan to plan, and takes what is planned for the same time in the order of planning', async () => {
    const world = new World();
    const seen: string[] = [];
    for (const [time, name] of [
      [5, 'late'],
      [1, 'one'],
      [1, 'two'],
      [3, 'three'],
    ] as const)
      world.at(time, () => seen.push(`${world.now} ${name}`));
    await world.run(4, always);
    expect(seen).toEqual(['1 one', '1 two', '3 three']);
    expect(world.now).toBe(4);
    await world.run(10, always);
    expect(seen.at(-1)).toBe('5 late');
    expect(world.steps).toBe(4);
  });

  it('does what is planned for now before time goes on', async () => {
    const world = new World();
    const seen: string[] = [];
    world.at(1, () => {
      world.defer(() => seen.push(`soon at ${world.now}`));
      world.at(0, () => seen.push(`past at ${world.now}`));
    });
    world.at(2, () => seen.push('next'));
    await world.run(2, always);
    expect(seen).toEqual(['soon at 1', 'past at 1', 'next']);
  });

  it('stops in the middle when stopped', async () => {
    const world = new World();
    for (let n = 0; n < 10; n++) world.at(n, () => {});
    expect(await world.run(100, () => world.steps < 3)).toBe(false);
    expect(world.now).toBe(2);
  });

  it('keeps thousands of plans in order', async () => {
    const world = new World();
    const random = Random.forPurpose(7, 'test');
    let last = -1;
    let count = 0;
    for (let n = 0; n < 5000; n++)
      world.at(random.below(1000), () => {
        expect(world.now).toBeGreaterThanOrEqual(last);
        last = world.now;
        count++;
      });
    await world.run(1000, always);
    expect(count).toBe(5000);
  });
});

describe('a simulated process', () => {
  const process = (world: World, first?: number) =>
    new Process(world, Random.forPurpose(1, 'test'), 1_700_000_000, first);

  it('has a wall clock and a clock of its own', async () => {
    const world = new World();
    const its = process(world);
    await world.run(2500, always);
    expect(its.now()).toBe(2500);
    expect(its.wallSeconds()).toBe(1_700_000_002);
  });

  it('lets those who wait for its turn go on before the next step', async () => {
    const world = new World();
    const its = process(world);
    const seen: string[] = [];
    const wait = async () => {
      await its.yieldToLoop();
      await Promise.resolve();
      seen.push('went on');
    };
    void wait();
    world.at(1, () => seen.push('next step'));
    await world.run(2, always);
    expect(seen).toEqual(['went on', 'next step']);
  });

  it('takes plans back, and repeats others until they are taken back', async () => {
    const world = new World();
    const its = process(world);
    let count = 0;
    its.after(5, () => count++)();
    const end = its.every(10, () => count++);
    await world.run(35, always);
    end();
    await world.run(100, always);
    expect(count).toBe(3);
  });

  it('does what waited when it goes on, and nothing once it was killed', async () => {
    const world = new World();
    const its = process(world);
    const seen: number[] = [];
    for (const time of [1, 2, 3, 4]) its.after(time, () => seen.push(time));
    its.pause();
    await world.run(2, always);
    expect(seen).toEqual([]);
    its.resume();
    expect(seen).toEqual([1, 2]);
    await world.run(3, always);
    its.kill();
    await world.run(10, always);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('is given its first number where that matters, and has any other otherwise', () => {
    expect(process(new World(), 4_294_967_290).initialSequence()).toBe(4_294_967_290);
    const any = process(new World()).initialSequence();
    expect(Number.isInteger(any) && any >= 0 && any < 2 ** 32).toBe(true);
  });
});

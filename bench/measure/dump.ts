import { join } from 'node:path';
import type { Limited, Measure } from '../figure.ts';
import { fill } from '../load/fill.ts';
import { clientInto } from '../pair/client.ts';
import {
  cpuOf,
  millisecondsOf,
  type Pair,
  roomyConfiguration,
  untilCached,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';
import { timed } from '../pair/timed.ts';

/** The client writes a whole cache to a file; the client's own CPU counts only in the time. */
export const dump: Measure = {
  name: 'dump',
  figures: () => [
    { id: 'dump-text-time', title: 'dump as text, time', unit: 'ms', target: 1 },
    { id: 'dump-text-cpu', title: 'dump as text, CPU of the node', unit: 'ms' },
    { id: 'dump-xml-time', title: 'dump as XML, time', unit: 'ms' },
    { id: 'dump-xml-cpu', title: 'dump as XML, CPU of the node', unit: 'ms' },
  ],
  run: (contender, { flows }) =>
    withPair(contender, { configuration: roomyConfiguration(flows) }, async (pair) => {
      await fill(pair.lab.a, flows);
      await untilCached(pair.backup, 'external', flows);
      const text = await dumpOnce(pair, ['-e'], '^tcp ', flows);
      const xml = await dumpOnce(pair, ['-e', '-x'], '<flow', flows);
      return {
        'dump-text-time': text.time,
        'dump-text-cpu': text.cpu,
        'dump-xml-time': xml.time,
        'dump-xml-cpu': xml.cpu,
      };
    }),
};

async function dumpOnce(
  pair: Pair,
  args: readonly string[],
  mark: string,
  flows: number,
): Promise<{ time: Limited; cpu: Limited }> {
  const { contender, lab } = pair;
  const file = join(lab.directory, 'dump');
  await untilQuiet(pair);
  let time = 0;
  const cpu = await cpuOf(pair, async () => {
    time = await timed(() => clientInto(contender, lab.b, file, args));
    await untilQuiet(pair);
  });
  const script = 'grep -o "$1" "$2" | wc -l';
  const found = Number(await lab.b.namespace.must('sh', ['-c', script, 'sh', mark, file]));
  if (found !== flows) throw new Error(`a dump (${args.join(' ')}) has ${found} flows of ${flows}`);
  const taken = millisecondsOf(cpu.backup);
  return { time: { value: time, limit: taken.limit }, cpu: taken };
}

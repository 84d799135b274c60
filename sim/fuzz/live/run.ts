import { missingForLab } from '../../netns/lab.ts';
import { Progress } from '../progress.ts';
import { type Report, writeReport } from '../report.ts';
import { sourceFor } from './address.ts';
import type { Difference } from './difference.ts';
import { Differential } from './differential.ts';
import { Rounds } from './generator.ts';
import { injectorHere } from './injector.ts';
import type { LiveOptions } from './options.ts';

const HEX_SHOWN = 160;

function print({ kind, detail, datagrams }: Difference): void {
  console.log(`FOUND ${kind}: ${detail}; ${datagrams.length} datagrams`);
  for (const bytes of datagrams.slice(0, 4)) {
    const hex = Buffer.from(bytes).toString('hex');
    console.log(
      `  ${hex.length <= HEX_SHOWN ? hex : `${hex.slice(0, HEX_SHOWN)}... (${bytes.length} bytes)`}`,
    );
  }
}

/** Sends rounds to live nodes until the time is up. Resolves to the exit code. */
export async function fuzzLive(options: LiveOptions, report: string): Promise<number> {
  const { target, mode, seed } = options;
  console.log(`${target}, mode ${mode}, seed ${seed}`);
  if (target === 'address') return fuzzAddress(options);
  const missing = missingForLab(target === 'ts' ? [] : ['conntrackd']);
  if (missing.length > 0) {
    console.error(`fuzz: the laboratory needs ${missing.join(', ')}`);
    return 2;
  }
  const progress = new Progress('datagrams');
  const differential = await Differential.open(target, mode, options.port);
  try {
    const { findings, datagrams, again, avoided } = await rounds(differential, options, progress);
    progress.pause();
    for (const [name, count] of avoided) console.log(`  not sent, ${name}: ${count} datagrams`);
    for (const { kind, memory } of differential.stations) {
      console.log(`  ${kind}: alive, ${Math.round(memory / 1e6)} MB resident`);
    }
    if (again > 0) console.log(`  ${again} more of these kinds`);
    console.log(progress.text(datagrams, findings.length));
    if (findings.length === 0) return 0;
    writeReport(report, { kind: 'live', seed, datagrams, node: process.version, options, findings });
    console.log(`replay with: npm run fuzz -- --replay ${report}`);
    return 1;
  } finally {
    await differential.close();
  }
}

interface Result {
  readonly findings: readonly Difference[];
  readonly datagrams: number;
  /** Further differences of kinds already found. */
  readonly again: number;
  readonly avoided: ReadonlyMap<string, number>;
}

/** The part of a run that sends. */
export async function rounds(
  differential: Differential,
  { target, mode, seed, minutes, findings: most }: LiveOptions,
  progress: Progress,
): Promise<Result> {
  const source = new Rounds(seed, mode, target === 'both');
  const findings: Difference[] = [];
  const known = new Set<string>();
  let datagrams = 0;
  let again = 0;
  const end = performance.now() + minutes * 60_000;
  while (performance.now() < end && findings.length < most) {
    const round = source.next();
    const found = await differential.round(round);
    datagrams += round.length;
    progress.update(datagrams, findings.length);
    if (found.length === 0) continue;
    // Only the first finding of a kind is minimised; the nodes are fresh in any case.
    const fresh = found.find(({ kind }) => !known.has(kind));
    for (const { kind } of found) known.add(kind);
    if (fresh === undefined) {
      again += found.length;
      await differential.restart();
    } else {
      const difference = await differential.minimise(fresh, round);
      findings.push(difference);
      progress.pause();
      print(difference);
    }
    source.forget();
  }
  return { findings, datagrams, again, avoided: source.avoided };
}

/** Datagrams per second to a node about which nothing is known. */
const PACE = 2000;

/** Sends to a node about which nothing is known except its answers. */
async function fuzzAddress({ where, port, mode, seed, minutes }: LiveOptions): Promise<number> {
  const { address, interface: device, foreign } = where!;
  let source: string;
  try {
    source = sourceFor(address, device, foreign);
  } catch (error) {
    console.error(`fuzz: ${(error as Error).message}`);
    return 2;
  }
  const injector = await injectorHere({ address: source, peer: address, port });
  const progress = new Progress('datagrams');
  const stream = new Rounds(seed, mode, false);
  let datagrams = 0;
  let received = 0;
  const end = performance.now() + minutes * 60_000;
  while (performance.now() < end) {
    const round = stream.next();
    injector.send(round);
    datagrams += round.length;
    await new Promise((resolve) => setTimeout(resolve, (1000 * round.length) / PACE));
    received += injector.takeReceived().length;
    progress.update(datagrams, 0);
  }
  const { refused } = injector;
  await injector.close();
  progress.pause();
  console.log(
    `${datagrams} datagrams sent, ${refused} refused by the system or the target, ${received} received`,
  );
  return 0;
}

/** Sends the datagrams of a report to fresh nodes. Resolves to the exit code: 1 if any difference remains. */
export async function replayLive({ options, findings }: Extract<Report, { kind: 'live' }>): Promise<number> {
  const { target, mode, port } = options;
  if (target === 'address') throw new Error('a report about an address cannot be replayed');
  const differential = await Differential.open(target, mode, port);
  let still = 0;
  try {
    for (const { kind, datagrams } of findings) {
      await differential.restart();
      const found = await differential.round(datagrams.map((bytes) => Uint8Array.from(bytes)));
      const again = found.find((one) => one.kind === kind);
      if (again !== undefined) still++;
      console.log(again === undefined ? `no more: ${kind}` : `STILL ${kind}: ${again.detail}`);
    }
  } finally {
    await differential.close();
  }
  return still === 0 ? 0 : 1;
}

import { parseArgs } from 'node:util';
import { askFigures } from '../control/ask-figures.ts';
import { SilentError, UnreachableError } from '../control/client.ts';
import { KernelError } from '../kernel/kernel.ts';
import { readTableFigures } from '../kernel/listing/table-figures.ts';
import { exposition } from '../metrics/exposition.ts';
import { nodeFamilies } from '../metrics/families.ts';
import { type Family, gauge } from '../metrics/family.ts';
import { tableFamilies } from '../metrics/table-families.ts';
import { type TopSources, topFamilies } from '../metrics/top-families.ts';
import { readConfiguration } from './configuration.ts';
import { flowContext } from './flows/command.ts';
import { parseFilter } from './flows/filter/parse.ts';
import { parseGroupKey } from './flows/group/group-key.ts';
import { kernelSource } from './flows/sources.ts';
import { groupFlows } from './flows/top/batch.ts';
import { rank } from './flows/top/ranking.ts';
import { OptionHelp, type OutputStreams, SharedOptions, withOptions } from './options/shared-options.ts';
import { say } from './say.ts';

/** Each is a time series. */
const TOP_MAX = 100;

const USAGE = `Usage: conntrackd-ts metrics [-C FILE] [--top N]
Prints the metrics of the kernel's table and of the running daemon, C's or ours, once, in Prometheus's text format: for a file
that node_exporter's textfile collector reads. Exit code 0: all of it; 1: a part is missing, and conntrackd_up or
conntrackd_table_up is 0.
${OptionHelp.config}
  --top N, also the flows of the N sources that have the most (1 to ${TOP_MAX}); reads the whole table

Example:
  conntrackd-ts metrics > /var/lib/prometheus/node-exporter/conntrackd.prom.$$ &&
    mv /var/lib/prometheus/node-exporter/conntrackd.prom.$$ /var/lib/prometheus/node-exporter/conntrackd.prom
`;

/** A part of the metrics, and whether it could be had. */
interface Part {
  readonly up: boolean;
  readonly families: readonly Family[];
}

const ABSENT: Part = { up: false, families: [] };

/** @param top sources that are shown; 0: the flows themselves are not read */
async function tablePart(top: number): Promise<Part> {
  try {
    const families = tableFamilies(readTableFigures());
    return {
      up: true,
      families: top === 0 ? families : [...families, ...topFamilies(await topSources(top))],
    };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    say('ERROR', `the kernel's table: ${error.message}`);
    return ABSENT;
  }
}

async function topSources(limit: number): Promise<TopSources> {
  const key = parseGroupKey('src');
  const question = { source: kernelSource, filter: parseFilter([]), key, context: flowContext() };
  const { table, remarks } = await groupFlows(question);
  for (const remark of remarks) say('warning', remark);
  const sources = [...rank({ table, seconds: 0 }, 'flows', limit)];
  return { sources: sources.map(({ key: address, flows }) => ({ address, flows })), count: table.size };
}

async function daemonPart(path: string | undefined): Promise<Part> {
  if (path === undefined) {
    say('ERROR', 'the configuration has no UNIX { Path }: nobody can ask the daemon anything');
    return ABSENT;
  }
  try {
    return { up: true, families: nodeFamilies(await askFigures(path)) };
  } catch (error) {
    const isKnown =
      error instanceof UnreachableError || error instanceof SilentError || error instanceof RangeError;
    if (!isKnown) throw error;
    say('ERROR', error.message);
    return ABSENT;
  }
}

/** @throws Error that says what is expected */
function topOption(text: string): number {
  const number = Number(text);
  if (!/^\d{1,3}$/.test(text) || number < 1 || number > TOP_MAX)
    throw new Error(`--top ${text}: expected a number from 1 to ${TOP_MAX}`);
  return number;
}

/** `metrics [-C FILE] [--top N]`. Resolves to the exit code. */
export function runMetrics(args: readonly string[], streams: OutputStreams): Promise<0 | 1> {
  const words = { name: 'metrics', usage: USAGE, wrong: 1 } as const;
  return withOptions(
    words,
    streams,
    () => readOptions(args),
    (options) => printMetrics(options, streams),
  );
}

interface Options {
  readonly path: string | undefined;
  readonly top: number;
}

const { config, help } = SharedOptions;

/** Undefined where help was asked for. @throws Error that says what is wrong with the arguments */
function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({ args: [...args], options: { config, top: { type: 'string' }, help } });
  if (values.help) return undefined;
  return { path: values.config, top: values.top === undefined ? 0 : topOption(values.top) };
}

async function printMetrics({ path, top }: Options, { stdout }: OutputStreams): Promise<0 | 1> {
  const parsed = readConfiguration(path);
  if (!parsed) return 1;
  const table = await tablePart(top);
  const daemon = await daemonPart(parsed.config.general.unix.path);
  stdout.write(
    exposition([
      gauge('conntrackd_up', 'Whether the daemon answered.', Number(daemon.up)),
      gauge('conntrackd_table_up', "Whether the kernel's table could be read.", Number(table.up)),
      ...table.families,
      ...daemon.families,
    ]),
  );
  return table.up && daemon.up ? 0 : 1;
}

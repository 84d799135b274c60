import type { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { DEFAULTS } from '../config/defaults.ts';
import { askFigures } from '../control/ask-figures.ts';
import { SilentError, UnreachableError } from '../control/client.ts';
import { KernelError } from '../kernel/kernel.ts';
import { readTableFigures } from '../kernel/listing/table-figures.ts';
import { exposition } from '../metrics/exposition.ts';
import { nodeFamilies } from '../metrics/families.ts';
import { type Family, gauge } from '../metrics/family.ts';
import { tableFamilies } from '../metrics/table-families.ts';
import { readConfiguration } from './configuration.ts';
import { say } from './say.ts';

const USAGE = `Usage: conntrackd-ts metrics [-C FILE]
Prints the metrics of the kernel's table and of the running daemon, C's or ours, once, in Prometheus's text format: for a file
that node_exporter's textfile collector reads. Exit code 0: all of it; 1: a part is missing, and conntrackd_up or
conntrackd_table_up is 0.
  -C FILE, the configuration (${DEFAULTS.configFile})

Example:
  conntrackd-ts metrics > /var/lib/prometheus/node-exporter/conntrackd.prom.$$ &&
    mv /var/lib/prometheus/node-exporter/conntrackd.prom.$$ /var/lib/prometheus/node-exporter/conntrackd.prom
`;

interface Streams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** A part of the metrics, and whether it could be had. */
interface Part {
  readonly up: boolean;
  readonly families: readonly Family[];
}

const ABSENT: Part = { up: false, families: [] };

function tablePart(): Part {
  try {
    return { up: true, families: tableFamilies(readTableFigures()) };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    say('ERROR', `the kernel's table: ${error.message}`);
    return ABSENT;
  }
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

/** `metrics [-C FILE]`. Resolves to the exit code. */
export async function runMetrics(args: readonly string[], { stdout, stderr }: Streams): Promise<0 | 1> {
  let configuration: string | undefined;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { config: { type: 'string', short: 'C' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) {
      stdout.write(USAGE);
      return 0;
    }
    configuration = values.config;
  } catch (error) {
    stderr.write(`metrics: ${(error as Error).message.split('\n')[0]}\n${USAGE}`);
    return 1;
  }
  const parsed = readConfiguration(configuration);
  if (!parsed) return 1;
  const table = tablePart();
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

import { OptionHelp, type OutputStreams, SharedOptions } from '../../options/shared-options.ts';
import {
  durationOption,
  flowContext,
  flowSource,
  numberOption,
  readArguments,
  runFlowCommand,
  TextOutput,
  wordOption,
} from '../command.ts';
import { WordError } from '../filter/error.ts';
import { FILTER_HELP } from '../filter/help.ts';
import { parseFilter } from '../filter/parse.ts';
import { GROUP_FIELDS, parseGroupKey } from '../group/group-key.ts';
import { BATCH_HEAD, batchJson, batchLine, type Question, readOnce, totalText } from './batch.ts';
import { type LiveOptions, runLive } from './live.ts';
import { ORDERS, rank, totalOf } from './ranking.ts';

const WINDOW_DEFAULT_S = 1;
const INTERVAL_DEFAULT_S = 2;

const USAGE = `Usage: conntrackd-ts top [FILTER] [OPTION]...
Shows which groups of flows are the largest, again and again, until q is pressed; with --batch once, a line a group. The columns
are the key, flows, share, new a second, unreplied; then bytes and bytes a second, where the kernel counts (nf_conntrack_acct).
No daemon is needed for the kernel's table.
  --by FIELD[,FIELD], group by ${GROUP_FIELDS.join(', ')};
      addresses also by network: src/24 (src)
  --sort ${ORDERS.join('|')}, the greatest first (flows)
  --batch, print once, columns parted by tabs, and what it comes to on standard error
  --json, with --batch: an object a line
  --limit N, with --batch: at most so many groups
  --for TIME, with --batch: count new flows for so long, and read twice to know bytes a second; 0: do not count new flows
      (${WINDOW_DEFAULT_S}s, or as long as reading takes)
  --every TIME, without --batch: how often (${INTERVAL_DEFAULT_S}s)
  --from kernel|internal|external, where to read (kernel); caches with --batch only
${OptionHelp.cacheConfig}
On the screen: q quits, s sorts by the next column, g groups by the next field, / takes a filter, + and - change how often,
space holds it, h helps.

${FILTER_HELP}
Examples:
  conntrackd-ts top dport 443
  conntrackd-ts top --by src --batch
  conntrackd-ts top tcp unreplied --by dst/24,dport --sort new --batch --for 5s
`;

const OPTIONS = {
  by: { type: 'string' },
  sort: SharedOptions.sort,
  batch: { type: 'boolean', short: 'b' },
  json: SharedOptions.json,
  limit: SharedOptions.limit,
  for: SharedOptions.for,
  every: SharedOptions.every,
  from: SharedOptions.from,
  config: SharedOptions.config,
} as const;

/** `top [FILTER] [OPTION]...` Resolves to the exit code. */
export function runTop(
  args: readonly string[],
  streams: OutputStreams & LiveOptions['terminal'],
): Promise<0 | 1> {
  return runFlowCommand('top', USAGE, args, streams, () => top(args, streams));
}

async function top(
  args: readonly string[],
  streams: OutputStreams & LiveOptions['terminal'],
): Promise<0 | 1> {
  const { values, positionals } = readArguments(args, OPTIONS);
  const key = parseGroupKey(values.by ?? 'src');
  const order = wordOption('--sort', values.sort, ORDERS) ?? 'flows';
  const limit = numberOption('--limit', values.limit, 2 ** 32);
  const seconds = durationOption('--for', values.for);
  const every = durationOption('--every', values.every) ?? INTERVAL_DEFAULT_S;
  const filter = parseFilter(positionals);
  if (values.json && !values.batch) throw new WordError('--json needs --batch');
  if (seconds !== undefined && !values.batch) throw new WordError('--for needs --batch; live, it is --every');
  if (every === 0) throw new WordError('--every needs at least 1s');
  if (order === 'rate' && values.batch && !seconds) throw new WordError('--sort rate needs --for TIME');
  const source = flowSource(values.from, values.config);
  if (source === undefined) return 1;
  const question: Question = { source, filter, key, context: flowContext() };
  if (!values.batch) {
    if (values.from !== undefined && values.from !== 'kernel')
      throw new WordError('--from a cache needs --batch');
    return runLive({
      question,
      order,
      everyMs: 1000 * every,
      filterText: positionals.join(' '),
      terminal: streams,
    });
  }
  const windowMs = 1000 * (seconds ?? WINDOW_DEFAULT_S);
  const { reading, remarks } = await readOnce(question, windowMs, seconds !== undefined);
  const output = new TextOutput(streams.stdout);
  if (!values.json) output.add(BATCH_HEAD);
  for (const row of rank(reading, order, limit ?? reading.table.size))
    output.add(values.json ? batchJson(row) : batchLine(row));
  await output.flush();
  streams.stderr.write(`${totalText(totalOf(reading))}\n`);
  for (const remark of remarks) streams.stderr.write(`top: ${remark}\n`);
  return 0;
}

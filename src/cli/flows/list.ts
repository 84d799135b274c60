import { setTimeout } from 'node:timers/promises';
import type { ListedFlow } from '../../flow/listed/listed-flow.ts';
import { OptionHelp, type OutputStreams, SharedOptions } from '../options/shared-options.ts';
import {
  atMostOne,
  durationOption,
  flowContext,
  flowSource,
  numberOption,
  readArguments,
  runFlowCommand,
  TextOutput,
  wordOption,
} from './command.ts';
import { WordError } from './filter/error.ts';
import { FILTER_HELP } from './filter/help.ts';
import { type FlowFilter, parseFilter, passes } from './filter/parse.ts';
import type { FlowContext } from './filter/truth.ts';
import { conntrackLine, type FlowWriter, jsonLine, TABLE_HEAD, tableRow } from './flow-text.ts';
import { FlowsOnce } from './flows-once.ts';
import { parseGroupKey } from './group/group-key.ts';
import { GroupTable } from './group/group-table.ts';
import { type FlowSource, kernelSource } from './sources.ts';
import { TopFlows } from './top-flows.ts';

/** Flows that are sorted where nobody gives a limit, and the most that are kept for it. */
const SORTED_DEFAULT = 1_000;
const SORTED_MAX = 50_000;

const SORT_FIELDS = ['bytes', 'packets', 'rate', 'timeout', 'idle', 'age'] as const;
type SortField = (typeof SORT_FIELDS)[number];

const USAGE = `Usage: conntrackd-ts list [FILTER] [OPTION]...
Prints flows of the kernel's table, or of a cache of the daemon, as conntrack -L does. No daemon is needed for the kernel's.
  --from kernel|internal|external, where to read (kernel)
${OptionHelp.cacheConfig}
  --count, print the number alone
  --table, a row a flow: what is left of its timeout, how long it was idle, bytes, NAT
  --json, an object a line
  --sort ${SORT_FIELDS.join('|')}, the greatest first
  --reverse, with --sort: the smallest first
  --limit N, at most so many flows (with --sort ${SORTED_DEFAULT} unless given, at most ${SORTED_MAX})
  --for TIME, read twice and show how many bytes a second each flow carried between (kernel, needs nf_conntrack_acct)

${FILTER_HELP}
Examples:
  conntrackd-ts list src 10.0.0.0/8 dport 443 state established
  conntrackd-ts list tcp unreplied --count
  conntrackd-ts list idle '>1h' not nat --table
  conntrackd-ts list udp or '(tcp dport 80,8000-8999)' --json
  conntrackd-ts list --sort rate --for 5s --limit 20 --table
  conntrackd-ts list --from external zone 3
`;

const OPTIONS = {
  from: SharedOptions.from,
  config: SharedOptions.config,
  count: { type: 'boolean' },
  table: { type: 'boolean' },
  json: SharedOptions.json,
  sort: SharedOptions.sort,
  reverse: { type: 'boolean' },
  limit: SharedOptions.limit,
  for: SharedOptions.for,
} as const;

/** Bytes that flows had when they were first read, by the kernel's identifier. */
interface FirstReading {
  readonly table: GroupTable;
  /** Milliseconds, `performance.now`. */
  readonly at: number;
}

/** Bytes a second since the first reading; undefined where the kernel does not count. */
function rateOf(flow: ListedFlow, { table, at }: FirstReading): number | undefined {
  if (flow.bytes < 0 || flow.id < 0) return undefined;
  const group = table.groupOf(flow);
  // A flow that was not there has carried all its bytes since.
  const before = group < 0 ? 0 : table.at(group).bytes;
  return Math.max(0, flow.bytes - before) / ((performance.now() - at) / 1000);
}

function sortValue(
  field: SortField,
  flow: ListedFlow,
  context: FlowContext,
  rate: number | undefined,
): number {
  if (field === 'rate') return rate ?? -1;
  if (field === 'idle') return context.idle.secondsOf(flow);
  if (field === 'age') return flow.start < 0 ? -1 : Math.max(0, context.now() - flow.start);
  return flow[field];
}

async function readFirst(
  source: FlowSource,
  filter: FlowFilter,
  context: FlowContext,
  seconds: number,
): Promise<FirstReading> {
  let table = new GroupTable(parseGroupKey('id'));
  const at = performance.now();
  await source(filter.kernel, {
    take: (flow) => {
      if (passes(filter, flow, context)) table.add(flow);
    },
    restarted() {
      table = new GroupTable(parseGroupKey('id'));
    },
  });
  await setTimeout(1000 * seconds);
  return { table, at };
}

/** `list [FILTER] [OPTION]...` Resolves to the exit code. */
export function runList(args: readonly string[], streams: OutputStreams): Promise<0 | 1> {
  return runFlowCommand('list', USAGE, args, streams, () => list(args, streams));
}

async function list(args: readonly string[], { stdout, stderr }: OutputStreams): Promise<0 | 1> {
  const { values, positionals } = readArguments(args, OPTIONS);
  atMostOne(values, 'count', 'table', 'json');
  atMostOne(values, 'count', 'sort');
  const sort = wordOption('--sort', values.sort, SORT_FIELDS);
  const limit = numberOption('--limit', values.limit, sort === undefined ? 2 ** 32 : SORTED_MAX);
  const seconds = durationOption('--for', values.for);
  if (sort === 'rate' && seconds === undefined) throw new WordError('--sort rate needs --for TIME');
  if (values.reverse && sort === undefined) throw new WordError('--reverse needs --sort');
  const filter = parseFilter(positionals);
  const source = flowSource(values.from, values.config);
  if (source === undefined) return 1;
  if (seconds !== undefined && source !== kernelSource)
    throw new WordError('--for is for the flows of the kernel: caches have no counters');

  const context = flowContext();
  const first = seconds ? await readFirst(source, filter, context, seconds) : undefined;
  const output = new TextOutput(stdout);
  const write: FlowWriter = values.table ? tableRow : values.json ? jsonLine : conntrackLine;
  const sorted = () =>
    sort === undefined ? undefined : new TopFlows(limit ?? SORTED_DEFAULT, values.reverse ?? false);
  let kept = sorted();
  // What was printed cannot be taken back.
  const printed = values.count || kept !== undefined ? undefined : new FlowsOnce();
  const most = limit ?? Number.POSITIVE_INFINITY;
  let flows = 0;
  let hasCounters = false;
  if (values.table) output.add(TABLE_HEAD);
  const { remarks } = await source(filter.kernel, {
    take(flow) {
      if (!passes(filter, flow, context) || printed?.isAgain(flow)) return;
      if (flow.bytes >= 0) hasCounters = true;
      flows++;
      if (values.count) return;
      const rate = first && rateOf(flow, first);
      if (kept !== undefined && sort !== undefined)
        kept.add(flow, sortValue(sort, flow, context, rate), rate);
      else if (flows <= most) output.add(write(flow, context, rate));
    },
    restarted() {
      if (printed !== undefined) return printed.restarted();
      flows = 0;
      kept = sorted();
    },
    async pause() {
      await output.flush();
      return kept === undefined && flows >= most;
    },
  });
  for (const { flow, bytesPerSecond } of kept?.result() ?? [])
    output.add(write(flow, context, bytesPerSecond));
  if (values.count) output.add(`${Math.min(flows, most)}\n`);
  await output.flush();
  const needsCounters = first !== undefined || sort === 'bytes' || sort === 'packets';
  if (flows > 0 && needsCounters && !hasCounters)
    stderr.write(
      'list: the kernel counts no bytes: sysctl net.netfilter.nf_conntrack_acct=1, for new flows\n',
    );
  for (const remark of remarks) stderr.write(`list: ${remark}\n`);
  return 0;
}

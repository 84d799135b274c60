import { Change } from '../../flow/change.ts';
import type { ListedFlow } from '../../flow/listed/listed-flow.ts';
import { EventListing } from '../../kernel/listing/event-listing.ts';
import { type OutputStreams, SharedOptions } from '../options/shared-options.ts';
import {
  atMostOne,
  durationOption,
  flowContext,
  numberOption,
  readArguments,
  runFlowCommand,
  TextOutput,
  wordOption,
} from './command.ts';
import { FILTER_HELP } from './filter/help.ts';
import { parseFilter, passes } from './filter/parse.ts';
import type { FlowContext } from './filter/truth.ts';
import { conntrackLine, jsonLine } from './flow-text.ts';

const USAGE = `Usage: conntrackd-ts events [FILTER] [OPTION]...
Prints the kernel's events about flows as they come, as conntrack -E does, until it is interrupted. No daemon is needed.
  --event new|update|destroy, these alone; several with commas
  --for TIME, end after so long
  --limit N, end after so many events
  --timestamp, begin each line with the time, in seconds since 1970
  --json, an object a line, with \`event' and \`time'
Events that the kernel had to drop are reported on standard error, as they are noticed.

${FILTER_HELP}
Examples:
  conntrackd-ts events dport 443 --event new
  conntrackd-ts events src 10.0.0.0/8 --for 10s --json
`;

const OPTIONS = {
  event: { type: 'string' },
  for: SharedOptions.for,
  limit: SharedOptions.limit,
  timestamp: { type: 'boolean' },
  json: SharedOptions.json,
} as const;

const CHANGES = { new: Change.NEW, update: Change.UPDATE, destroy: Change.DESTROY } as const;
const NAMES = Object.keys(CHANGES) as (keyof typeof CHANGES)[];

/** What conntrack(8) begins a line with. */
const HEADS: ReadonlyMap<Change, string> = new Map([
  [Change.NEW, '    [NEW] '],
  [Change.UPDATE, ' [UPDATE] '],
  [Change.DESTROY, '[DESTROY] '],
]);

/** Events read before others get their turn. */
const TURN = 1_000;

/** Seconds since 1970 with microseconds. */
function timeText(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(6);
}

/** Writes one event as a line. */
type EventWriter = (change: Change, flow: ListedFlow, port: number, context: FlowContext) => string;

/** As conntrack -E prints it. */
const eventLine: EventWriter = (change, flow, port, context) => {
  const line = `${HEADS.get(change)}${conntrackLine(flow, context)}`;
  return port === 0 ? line : `${line.slice(0, -1)} [USERSPACE] portid=${port}\n`;
};

/** As conntrack -E -o timestamp prints it. */
const timedLine: EventWriter = (...of) => `[${timeText(Date.now())}]\t${eventLine(...of)}`;

const eventJson: EventWriter = (change, flow, port, context) => {
  const event = NAMES.find((name) => CHANGES[name] === change);
  const cause = port === 0 ? '' : `"portId":${port},`;
  return `{"event":"${event}","time":${timeText(Date.now())},${cause}${jsonLine(flow, context).slice(1)}`;
};

/** `events [FILTER] [OPTION]...` Resolves to the exit code. */
export function runEvents(args: readonly string[], streams: OutputStreams): Promise<0 | 1> {
  return runFlowCommand('events', USAGE, args, streams, () => events(args, streams));
}

async function events(args: readonly string[], { stdout, stderr }: OutputStreams): Promise<0 | 1> {
  const { values, positionals } = readArguments(args, OPTIONS);
  atMostOne(values, 'timestamp', 'json');
  const names = values.event?.split(',').map((name) => wordOption('--event', name, NAMES)!) ?? NAMES;
  const seconds = durationOption('--for', values.for);
  const limit = numberOption('--limit', values.limit, 2 ** 32) ?? Number.POSITIVE_INFINITY;
  const filter = parseFilter(positionals);
  const context = flowContext();
  const output = new TextOutput(stdout);
  const write = values.json ? eventJson : values.timestamp ? timedLine : eventLine;
  const listing = new EventListing([...new Set(names.map((name) => CHANGES[name]))]);
  let printed = 0;
  let reported = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      const end = () => resolve();
      const timer = seconds === undefined ? undefined : setTimeout(end, 1000 * seconds);
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const signal of signals) process.once(signal, end);
      let isWriting = false;
      listing.watch(() => {
        if (isWriting || printed >= limit) return;
        try {
          listing.read((change, flow, port) => {
            if (printed >= limit || !passes(filter, flow, context)) return;
            printed++;
            output.add(write(change, flow, port, context));
          }, TURN);
        } catch (error) {
          reject(error);
          return;
        }
        if (listing.overruns > reported) {
          reported = listing.overruns;
          stderr.write('events: the kernel dropped events, because they came faster than they are printed\n');
        }
        isWriting = true;
        output.flush().then(() => {
          isWriting = false;
          if (printed < limit) return;
          clearTimeout(timer);
          resolve();
        }, reject);
      });
    });
    await output.flush();
  } finally {
    listing.close();
  }
  return 0;
}

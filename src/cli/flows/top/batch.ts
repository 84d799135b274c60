/** `top --batch`: one reading, a line a group. */

import { setTimeout } from 'node:timers/promises';
import { type FlowFilter, passes } from '../filter/parse.ts';
import type { FlowContext } from '../filter/truth.ts';
import type { GroupKey } from '../group/group-key.ts';
import { GroupTable } from '../group/group-table.ts';
import { type FlowSource, kernelSource } from '../sources.ts';
import type { GroupRow, Reading, Total } from './ranking.ts';
import { EventWindow } from './window.ts';

/** What is grouped, and how. */
export interface Question {
  readonly source: FlowSource;
  readonly filter: FlowFilter;
  readonly key: GroupKey;
  readonly context: FlowContext;
}

/** A table of the flows that are there now. @param between called every few milliseconds */
export async function groupFlows(
  { source, filter, key, context }: Question,
  between?: () => void,
): Promise<{ readonly table: GroupTable; readonly remarks: readonly string[] }> {
  let table = new GroupTable(key);
  const { remarks } = await source(filter.kernel, {
    take(flow) {
      if (filter.isEmpty || passes(filter, flow, context)) table.add(flow);
    },
    restarted() {
      table = new GroupTable(key);
    },
    pause() {
      between?.();
      return false;
    },
  });
  return { table, remarks };
}

/** Milliseconds between two looks at the events, so that they do not fill their buffer. */
const LOOK_MS = 50;

/**
 * Reads the table while it listens for new flows, for at least `windowMs`; 0: reads it alone. With `isMeasured` it reads twice,
 * at both ends of the window, and knows what each group carried.
 */
export async function readOnce(
  question: Question,
  windowMs: number,
  isMeasured: boolean,
): Promise<{ readonly reading: Reading; readonly remarks: readonly string[] }> {
  if (windowMs === 0 || question.source !== kernelSource) {
    const { table, remarks } = await groupFlows(question);
    return { reading: { table, seconds: 0 }, remarks };
  }
  const window = new EventWindow(question.key, question.filter, question.context);
  try {
    const start = performance.now();
    const listen = () => window.read();
    const first = isMeasured ? await groupFlows(question, listen) : undefined;
    let last = isMeasured ? undefined : await groupFlows(question, listen);
    while (performance.now() - start < windowMs) {
      await setTimeout(Math.min(LOOK_MS, Math.max(1, windowMs - (performance.now() - start))));
      window.read();
    }
    last ??= await groupFlows(question, listen);
    window.read();
    const { table, remarks } = last;
    const seconds = (performance.now() - start) / 1000;
    const lost = window.takeLost() ? ['the kernel dropped events: more flows began than shown'] : [];
    return {
      reading: {
        table,
        began: window.began,
        ended: window.ended,
        ...(first === undefined ? {} : { before: first.table }),
        seconds,
      },
      remarks: [...remarks, ...lost],
    };
  } finally {
    window.close();
  }
}

function rateText(rate: number | undefined): string {
  return rate === undefined ? '-' : rate.toFixed(1);
}

/** Columns behind the key, with a tab between: flows, share in percent, new a second, unreplied, bytes, bytes a second. */
export function batchLine(row: GroupRow): string {
  const { key, flows, share, newPerSecond, unreplied, bytes, bytesPerSecond } = row;
  const cells = [
    key.replaceAll(' ', '_'),
    flows,
    `${(100 * share).toFixed(2)}%`,
    rateText(newPerSecond),
    unreplied,
    bytes ?? '-',
    bytesPerSecond === undefined ? '-' : Math.round(bytesPerSecond),
  ];
  return `${cells.join('\t')}\n`;
}

export const BATCH_HEAD = 'KEY\tFLOWS\tSHARE\tNEW/S\tUNREPLIED\tBYTES\tBYTES/S\n';

export function batchJson(row: GroupRow): string {
  return `${JSON.stringify(row)}\n`;
}

/** One line about all groups, for standard error. */
export function totalText({ flows, groups, unreplied, newPerSecond, ungrouped }: Total): string {
  const more = ungrouped === 0 ? '' : `, ${ungrouped} in no group because there are too many`;
  const rate = newPerSecond === undefined ? '' : `, ${newPerSecond.toFixed(1)} new a second`;
  return `${flows} flows in ${groups} groups, ${unreplied} unreplied${rate}${more}`;
}

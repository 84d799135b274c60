import { CONNECTIONS } from '../failover/conversation.ts';
import type { Outcome } from '../failover/outcome.ts';
import type { CellResult, FailoverResults } from '../failover/run.ts';
import { spreadOf } from '../statistics.ts';
import { markdownTable } from './markdown.ts';

interface Row {
  readonly title: string;
  value(outcome: Outcome): number | undefined;
}

const ROWS: readonly Row[] = [
  { title: `lost of ${CONNECTIONS}`, value: ({ lost }) => lost },
  { title: 'committed after, ms', value: ({ committedMs }) => committedMs },
  { title: 'silence, median, ms', value: ({ silenceMedianMs }) => silenceMedianMs },
  { title: 'silence, 99th percentile, ms', value: ({ silenceP99Ms }) => silenceP99Ms },
  { title: 'addresses moved after, ms', value: ({ movedMs }) => movedMs },
];

/** The median of the rounds that have the value, and the spread where there are several. */
function textOf(cell: CellResult | undefined, row: Row): string {
  const values = (cell?.rounds ?? []).map(row.value).filter((value) => value !== undefined);
  if (values.length === 0) return '–';
  const { median, least, greatest } = spreadOf(values);
  const text = (value: number) => value.toFixed(0);
  return values.length === 1 ? text(median) : `${text(median)} (${text(least)} .. ${text(greatest)})`;
}

/** A table for each variant: ways are columns. Plain text that is also Markdown. */
export function failoverTablesOf({ options, cells }: FailoverResults): string {
  const { variants, idleFlows, inputs, ways } = options;
  const tables = variants.map((variant) => {
    const rows = idleFlows.flatMap((idle) =>
      inputs.flatMap((input) =>
        ROWS.map((row, index) => [
          ...(index === 0 ? [idle.toLocaleString('en'), input] : ['', '']),
          row.title,
          ...ways.map((way) =>
            textOf(
              cells.find(
                (cell) =>
                  cell.variant === variant.name &&
                  cell.way === way.name &&
                  cell.input === input &&
                  cell.idleFlows === idle,
              ),
              row,
            ),
          ),
        ]),
      ),
    );
    const head = ['idle flows', "firewall's input", '', ...ways.map(({ title }) => title)];
    return `${CONNECTIONS} connections: ${variant.title}\n\n${markdownTable(head, rows, 3)}`;
  });
  return tables.join('\n\n');
}

/** What the screen of `top` shows: lines that fit, whatever the size. No terminal is touched here. */

import { quantityText } from '../filter/amounts.ts';
import type { GroupRow, Order, Total } from './ranking.ts';

/** All that is on the screen. */
export interface ScreenState {
  readonly by: string;
  readonly order: Order;
  readonly everyMs: number;
  readonly isHeld: boolean;
  readonly filterText: string;
  /** What is typed behind `/`; undefined while nothing is. */
  readonly typed?: string;
  /** Shown instead of the keys: why a filter cannot be used, that events were lost. */
  readonly message?: string;
  readonly isHelpShown: boolean;
  /** Undefined before the first reading. */
  readonly total?: Total;
  readonly maxFlows?: number;
  readonly rows: readonly GroupRow[];
}

export interface ScreenStyle {
  readonly columns: number;
  readonly lines: number;
  /** Whether the head and the sorted column stand out; else they are plain text. */
  readonly isStyled: boolean;
}

interface Column {
  readonly head: string;
  readonly width: number;
  readonly order?: Order;
  readonly isOfBytes?: true;
  readonly cell: (row: GroupRow) => string;
}

const amount = (value: number | undefined) => (value === undefined ? '-' : quantityText(value));

/** Behind the key, the more important first: on a narrow screen the last ones are left out. */
const COLUMNS: readonly Column[] = [
  { head: 'FLOWS', width: 8, order: 'flows', cell: ({ flows }) => String(flows) },
  { head: 'SHARE', width: 6, cell: ({ share }) => `${(100 * share).toFixed(1)}%` },
  { head: 'NEW/S', width: 7, order: 'new', cell: ({ newPerSecond }) => amount(newPerSecond) },
  { head: 'UNREPL', width: 7, order: 'unreplied', cell: ({ unreplied }) => String(unreplied) },
  { head: 'BYTES', width: 6, order: 'bytes', isOfBytes: true, cell: ({ bytes }) => amount(bytes) },
  {
    head: 'BYTES/S',
    width: 7,
    order: 'rate',
    isOfBytes: true,
    cell: ({ bytesPerSecond }) => amount(bytesPerSecond),
  },
];

const KEY_MIN = 12;
/** A key is no wider, however wide the screen. */
const KEY_MAX = 60;

const HELP = [
  'q      quit',
  's      sort by the next column, S by the one before',
  'g      group by the next field',
  '/      filter: type its words, Enter takes them, Esc leaves the filter as it was',
  '+ -    read more rarely, more often',
  'space  hold the screen, and go on',
  'h      this, and back',
];

const KEYS = 'q quit  s sort  g group  / filter  +/- interval  space hold  h help';

const REVERSE = '\x1b[7m';
const BOLD = '\x1b[1m';
const PLAIN = '\x1b[0m';

/** Characters that would move the cursor are no text. */
function clean(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?');
}

function fitted(text: string, columns: number): string {
  return text.length > columns ? text.slice(0, columns) : text;
}

function titleText(state: ScreenState): string {
  const { total, maxFlows, everyMs, isHeld } = state;
  if (total === undefined) return 'reading the table ...';
  const fill = maxFlows ? ` (${((100 * total.flows) / maxFlows).toFixed(1)}% of ${maxFlows})` : '';
  const rates =
    total.newPerSecond === undefined
      ? ''
      : `, ${quantityText(total.newPerSecond)} new/s, ${quantityText(total.endedPerSecond ?? 0)} ended/s`;
  const pace = isHeld ? 'held' : `every ${everyMs / 1000}s`;
  return `${total.flows} flows${fill}, ${total.unreplied} unreplied${rates}, ${pace}`;
}

/** The lines of the screen from the top; at most `lines`, none longer than `columns` but for what styles them. */
export function screenLines(state: ScreenState, { columns, lines, isStyled }: ScreenStyle): string[] {
  const styled = (style: string, text: string) => (isStyled ? `${style}${text}${PLAIN}` : text);
  const head: string[] = [
    styled(BOLD, fitted(titleText(state), columns)),
    fitted(
      `by ${state.by}, sorted by ${state.order}${state.filterText === '' ? '' : `, filter: ${clean(state.filterText)}`}`,
      columns,
    ),
  ];
  const foot =
    state.typed === undefined
      ? fitted(clean(state.message ?? KEYS), columns)
      : // The end of what is typed is what one wants to see.
        `/${clean(state.typed).slice(-Math.max(1, columns - 2))}`;
  const room = lines - head.length - 2;
  if (room < 1) return [...head, foot].slice(-Math.max(1, lines));
  const body = state.isHelpShown
    ? HELP.map((line) => fitted(line, columns))
    : groupLines(state, room, columns, styled);
  const table = state.isHelpShown ? body.slice(0, room + 1) : body;
  const blank = Array.from({ length: Math.max(0, lines - 1 - head.length - table.length) }, () => '');
  return [...head, ...table, ...blank, foot].slice(0, lines);
}

/** The columns that there is room for, and how wide the key is. Where the kernel does not count, there are none for bytes. */
function layout(
  rows: readonly GroupRow[],
  columns: number,
): { readonly shown: readonly Column[]; readonly keyWidth: number } {
  const isCounted = rows.some(({ bytes }) => bytes !== undefined);
  let left = columns - KEY_MIN;
  const shown: Column[] = [];
  for (const column of COLUMNS) {
    if (column.isOfBytes && !isCounted) continue;
    if (left < column.width + 1) break;
    left -= column.width + 1;
    shown.push(column);
  }
  return { shown, keyWidth: Math.max(1, Math.min(KEY_MAX, columns, KEY_MIN + left)) };
}

function groupLines(
  { by, order, rows }: ScreenState,
  room: number,
  columns: number,
  styled: (style: string, text: string) => string,
): string[] {
  const { shown, keyWidth } = layout(rows, columns);
  const heads = shown.map((column) => {
    // The sorted column is marked also where nothing is styled.
    const name = column.order === order ? `*${column.head}` : column.head;
    return ` ${name.slice(0, column.width + 1).padStart(column.width)}`.slice(-column.width - 1);
  });
  const head = `${clean(by).toUpperCase().slice(0, keyWidth).padEnd(keyWidth)}${heads.join('')}`;
  const lines = rows.slice(0, room).map((row) => {
    const cells = shown.map(({ width, cell }) => ` ${cell(row).padStart(width)}`);
    const key = clean(row.key);
    const shortened = key.length > keyWidth ? `${key.slice(0, keyWidth - 1)}~` : key;
    return fitted(`${shortened.padEnd(keyWidth)}${cells.join('')}`, columns);
  });
  return [styled(REVERSE, fitted(head, columns)), ...lines];
}

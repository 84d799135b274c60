import type { Cell, TerminalScreen } from './terminal-screen.ts';

/** Pixels. */
const CELL_WIDTH = 8.4;
const CELL_HEIGHT = 18;
const MARGIN = 12;
const FONT_SIZE = 14;
/** From the top of a cell to the line that letters stand on. */
const BASELINE = 14;

const GROUND = '#0d1117';
const INK = '#e6edf3';

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

interface Run {
  readonly at: number;
  readonly cells: readonly Cell[];
}

/** Neighbours that look alike. */
function runsOf(row: readonly Cell[]): Run[] {
  const runs: { at: number; cells: Cell[] }[] = [];
  for (const [at, cell] of row.entries()) {
    const last = runs.at(-1);
    const [first] = last?.cells ?? [];
    if (first !== undefined && first.isBold === cell.isBold && first.isReverse === cell.isReverse)
      last!.cells.push(cell);
    else runs.push({ at, cells: [cell] });
  }
  return runs;
}

function pixels(value: number): string {
  return String(Number(value.toFixed(1)));
}

/** One run as SVG, with its background where it is reversed; nothing for blanks. */
function runSvg({ at, cells }: Run, line: number): string {
  const [{ isBold, isReverse }] = cells as [Cell, ...Cell[]];
  const text = cells.map((cell) => cell.text).join('');
  const x = MARGIN + at * CELL_WIDTH;
  const y = MARGIN + line * CELL_HEIGHT;
  const width = pixels(cells.length * CELL_WIDTH);
  let svg = '';
  if (isReverse)
    svg += `<rect x="${pixels(x)}" y="${pixels(y)}" width="${width}" height="${CELL_HEIGHT}" fill="${INK}"/>\n`;
  const shown = text.trimEnd();
  if (shown === '') return svg;
  const length = pixels(shown.length * CELL_WIDTH);
  const style = `${isBold ? ' font-weight="bold"' : ''}${isReverse ? ` fill="${GROUND}"` : ''}`;
  return `${svg}<text x="${pixels(x)}" y="${pixels(y + BASELINE)}" textLength="${length}"${style}>${escaped(shown)}</text>\n`;
}

/** The screen as an SVG picture. @param title says what it shows, for those who do not see it */
export function screenSvg(screen: TerminalScreen, title: string): string {
  const width = pixels(2 * MARGIN + screen.columns * CELL_WIDTH);
  const height = pixels(2 * MARGIN + screen.lines * CELL_HEIGHT);
  const runs = screen.rows.flatMap((row, line) => runsOf(row).map((run) => runSvg(run, line)));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT_SIZE}" fill="${INK}" xml:space="preserve">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" rx="6" fill="${GROUND}"/>
${runs.join('')}</svg>
`;
}

import type { Result } from '../result.ts';

const WIDTH = 920;
const LABELS = 440;
const RIGHT = 70;
const TOP = 44;
const ROW = 20;
const BAR = 10;
/** The axis: a ratio of 1 in the middle; the left end is smaller by this factor, the right end larger. */
const REACH = 8;
const TICKS = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8];

const INK = '#24292f';
const FAINT = '#d0d7de';
const GOOD = '#3f7f5f';
const BAD = '#b35900';

/** The position of a ratio on the logarithmic axis: half the cost is as far from 1 as twice the cost. */
function place(ratio: number): number {
  const share = (Math.log(ratio) / Math.log(REACH) + 1) / 2;
  return Math.round((LABELS + Math.min(1, Math.max(0, share)) * (WIDTH - LABELS - RIGHT)) * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function line(x: number, from: number, to: number, stroke: string, more = ''): string {
  return `<line x1="${x}" y1="${from}" x2="${x}" y2="${to}" stroke="${stroke}"${more}/>`;
}

function row(result: Result, index: number): string {
  const y = TOP + index * ROW;
  const middle = y + ROW / 2;
  const { median, least, greatest } = result.ratio;
  const better = result.moreIsBetter ? median > 1 : median < 1;
  const [from, to] = [Math.min(place(median), place(1)), Math.max(place(median), place(1))];
  const parts = [
    `<text x="${LABELS - 10}" y="${middle + 4}" text-anchor="end">${escaped(result.title)}</text>`,
    `<rect x="${from}" y="${middle - BAR / 2}" width="${Math.round((to - from) * 10) / 10}" height="${BAR}" fill="${better ? GOOD : BAD}"/>`,
    `<line x1="${place(least)}" y1="${middle}" x2="${place(greatest)}" y2="${middle}" stroke="${INK}"/>`,
    `<text x="${WIDTH - RIGHT + 14}" y="${middle + 4}">${median.toFixed(2)}</text>`,
  ];
  if (result.target !== undefined) {
    parts.push(line(place(result.target), y + 2, y + ROW - 2, INK, ' stroke-width="2"'));
  }
  return parts.join('\n');
}

/**
 * Draws the ratios: a bar from 1 to the median, a thin line from the least to the greatest, a thick stroke at the target.
 * Bars on the better side are green.
 */
export function svgOf(results: readonly Result[]): string {
  const bottom = TOP + results.length * ROW;
  const height = bottom + 34;
  const grid = TICKS.map((ratio) => {
    const label = ratio < 1 ? `1/${1 / ratio}` : String(ratio);
    return `${line(place(ratio), TOP, bottom, ratio === 1 ? INK : FAINT)}
<text x="${place(ratio)}" y="${bottom + 16}" text-anchor="middle">${label}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11" fill="${INK}">
<title>conntrackd-ts against conntrackd: ratios</title>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="${LABELS - 10}" y="24" text-anchor="end" font-size="13" font-weight="bold">conntrackd-ts / conntrackd (C)</text>
<text x="${LABELS}" y="24">median ratio of paired rounds; thin line: least to greatest; thick stroke: target</text>
${grid.join('\n')}
${results.map(row).join('\n')}
</svg>
`;
}

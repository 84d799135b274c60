import type { Side } from '../netns/lab.ts';
import type { Sample } from './sampler.ts';
import type { SoakEvent } from './soak.ts';

const WIDTH = 920;
const LEFT = 70;
const RIGHT = 20;
const PANEL = 130;
const GAP = 44;
const TOP = 40;
const INK = '#24292f';
const FAINT = '#d0d7de';
const DIVERGED = '#b3261e';
const COLOURS: Readonly<Record<Side, string>> = { a: '#0969da', b: '#b35900' };

interface Curve {
  readonly side: Side;
  readonly isDashed?: boolean;
  value(sample: Sample): number | undefined;
}

interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
}

const both = (value: Curve['value']): readonly Curve[] => [
  { side: 'a', value },
  { side: 'b', value },
];

const PANELS: readonly Panel[] = [
  {
    title: 'resident memory, MiB',
    curves: both(({ residentBytes }) => residentBytes / 1024 / 1024),
  },
  { title: 'descriptors', curves: both(({ descriptors }) => descriptors) },
  {
    title: 'flows in the internal (line) and external cache (dashes)',
    curves: [
      ...both(({ internal }) => internal),
      ...both(({ external }) => external).map((curve) => ({ ...curve, isDashed: true })),
    ],
  },
  { title: 'time until the control socket answers, ms', curves: both(({ answerMs }) => answerMs) },
];

const rounded = (value: number): number => Math.round(value * 10) / 10;

/** A line for each process and stretch of answers: a restart, or silence, is a gap. */
function pathsOf(
  curve: Curve,
  samples: readonly Sample[],
  x: (s: number) => number,
  y: (v: number) => number,
) {
  let path = '';
  let pid = -1;
  for (const sample of samples) {
    if (sample.side !== curve.side) continue;
    const value = curve.value(sample);
    if (value === undefined) {
      pid = -1;
      continue;
    }
    path += `${sample.pid === pid ? 'L' : 'M'}${rounded(x(sample.seconds))} ${rounded(y(value))}`;
    pid = sample.pid;
  }
  const dashes = curve.isDashed ? ' stroke-dasharray="4 3"' : '';
  return `<path d="${path}" fill="none" stroke="${COLOURS[curve.side]}" stroke-width="1.2"${dashes}/>`;
}

/** The samples as curves over time, a stroke for each fault; red where the pair diverged. */
export function curvesOf(title: string, samples: readonly Sample[], events: readonly SoakEvent[]): string {
  const seconds = Math.max(1, ...samples.map((sample) => sample.seconds));
  const x = (at: number) => LEFT + (at / seconds) * (WIDTH - LEFT - RIGHT);
  const height = TOP + PANELS.length * (PANEL + GAP);
  const panels = PANELS.map((panel, index) => {
    const top = TOP + index * (PANEL + GAP);
    const values = panel.curves.flatMap((curve) =>
      samples.flatMap((sample) => (sample.side === curve.side ? [curve.value(sample) ?? 0] : [])),
    );
    const most = values.reduce((greatest, value) => Math.max(greatest, value), 1) * 1.05;
    const y = (value: number) => top + PANEL - (value / most) * PANEL;
    const strokes = events.map(({ seconds: at, recoverMs }) => {
      const colour = recoverMs === undefined ? DIVERGED : FAINT;
      return `<line x1="${rounded(x(at))}" y1="${top}" x2="${rounded(x(at))}" y2="${top + PANEL}" stroke="${colour}"/>`;
    });
    return [
      `<text x="${LEFT}" y="${top - 6}" font-weight="600">${panel.title}</text>`,
      ...strokes,
      `<rect x="${LEFT}" y="${top}" width="${WIDTH - LEFT - RIGHT}" height="${PANEL}" fill="none" stroke="${INK}"/>`,
      `<text x="${LEFT - 6}" y="${top + 10}" text-anchor="end">${Math.round(most)}</text>`,
      `<text x="${LEFT - 6}" y="${top + PANEL}" text-anchor="end">0</text>`,
      `<text x="${WIDTH - RIGHT}" y="${top + PANEL + 16}" text-anchor="end">${rounded(seconds / 60)} min</text>`,
      ...panel.curves.map((curve) => pathsOf(curve, samples, x, y)),
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="${INK}">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="${LEFT}" y="16" font-size="14">${title}: <tspan fill="${COLOURS.a}">A</tspan>, <tspan fill="${COLOURS.b}">B</tspan></text>
${panels.join('\n')}
</svg>
`;
}

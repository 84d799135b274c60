import type { Side } from '../netns/lab.ts';
import type { Sample } from './sampler.ts';

/** How memory and descriptors of one process went. */
export interface Growth {
  readonly side: Side;
  readonly pid: number;
  readonly minutes: number;
  /** Median of the middle of its life, when its caches are full and its code is compiled, and of the end. */
  readonly earlyBytes: number;
  readonly lateBytes: number;
  readonly earlyDescriptors: number;
  readonly lateDescriptors: number;
  readonly isFlat: boolean;
}

/** Processes that lived shorter say nothing about growth. */
const LIFE_SECONDS_MIN = 240;
const EARLY = [0.3, 0.5] as const;
const LATE = 0.8;
/** What garbage collection alone moves. */
const GROWTH_SHARE_MAX = 0.15;
const GROWTH_BYTES_MIN = 16 * 1024 * 1024;
/** Clients that are being served at the moment of a sample. */
const DESCRIPTORS_MAX = 10;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** What is known about the growth of the processes that lived long enough. */
export function growthOf(samples: readonly Sample[]): readonly Growth[] {
  const lives = new Map<number, Sample[]>();
  for (const sample of samples) lives.set(sample.pid, [...(lives.get(sample.pid) ?? []), sample]);
  return [...lives].flatMap(([pid, life]) => {
    const [first, last] = [life[0]!.seconds, life.at(-1)!.seconds];
    const length = last - first;
    if (length < LIFE_SECONDS_MIN) return [];
    const between = (from: number, to: number) =>
      life.filter(({ seconds }) => seconds >= first + from * length && seconds <= first + to * length);
    const [early, late] = [between(...EARLY), between(LATE, 1)];
    if (early.length === 0 || late.length === 0) return [];
    const earlyBytes = median(early.map(({ residentBytes }) => residentBytes));
    const lateBytes = median(late.map(({ residentBytes }) => residentBytes));
    const earlyDescriptors = median(early.map(({ descriptors }) => descriptors));
    const lateDescriptors = median(late.map(({ descriptors }) => descriptors));
    const isFlat =
      lateBytes - earlyBytes <= Math.max(GROWTH_BYTES_MIN, earlyBytes * GROWTH_SHARE_MAX) &&
      lateDescriptors - earlyDescriptors <= DESCRIPTORS_MAX;
    const { side } = life[0]!;
    return [
      { side, pid, minutes: length / 60, earlyBytes, lateBytes, earlyDescriptors, lateDescriptors, isFlat },
    ];
  });
}

import type { Growth } from './growth.ts';
import type { SoakEvent, SoakResult } from './soak.ts';

const MIB = 1024 * 1024;

function faultRow(name: string, events: readonly SoakEvent[]): string {
  const times = events
    .flatMap(({ recoverMs }) => (recoverMs === undefined ? [] : [recoverMs]))
    .toSorted((a, b) => a - b);
  const seconds = (ms: number | undefined) => (ms === undefined ? '' : `${(ms / 1_000).toFixed(1)} s`);
  const diverged = events.length - times.length;
  return `| ${name} | ${events.length} | ${seconds(times[Math.floor(times.length / 2)])} | ${seconds(times.at(-1))} | ${diverged} |`;
}

/** What a soak came to, for people. */
export function summaryOf({ events, trouble }: SoakResult, growth: readonly Growth[]): string {
  const names = [...new Set(events.map(({ name }) => name))].sort();
  const lines = [
    '| fault | how often | equal after, median | at most | diverged |',
    '|---|---|---|---|---|',
    ...names.map((name) =>
      faultRow(
        name,
        events.filter((event) => event.name === name),
      ),
    ),
    '',
    ...growth.map(
      ({ side, minutes, earlyBytes, lateBytes, earlyDescriptors, lateDescriptors, isFlat }) =>
        `node of ${side.toUpperCase()}, ${minutes.toFixed(1)} min: memory ${(earlyBytes / MIB).toFixed(1)} to ${(lateBytes / MIB).toFixed(1)} MiB, descriptors ${earlyDescriptors} to ${lateDescriptors}: ${isFlat ? 'flat' : 'NOT FLAT'}`,
    ),
  ];
  if (growth.length === 0) lines.push('no process lived long enough to tell whether its memory grows');
  if (trouble !== undefined) lines.push(`ended early: ${trouble}`);
  return lines.join('\n');
}

/** Whether nothing diverged, grew or ended. */
export function isClean({ events, trouble }: SoakResult, growth: readonly Growth[]): boolean {
  return (
    trouble === undefined &&
    events.every(({ recoverMs }) => recoverMs !== undefined) &&
    growth.every(({ isFlat }) => isFlat)
  );
}

/** Numbers as findings show them. */

/** `76.3 %`. @param whole above 0 */
export function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

/** `tcp ESTABLISHED 900, udp 20`, the first `limit`. */
export function listed(counts: readonly (readonly [string, number])[], limit = 5): string {
  return counts
    .slice(0, limit)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

/** `45 s`, `12 min`, `3 h`, `5 days`. */
export function timeText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

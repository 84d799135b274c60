/** The seconds that the caches count in, from the engine's milliseconds. */
export function secondsOf(now: number): number {
  return Math.floor(now / 1000);
}

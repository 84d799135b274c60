import { drawOptions, type RunSettings } from './options.ts';
import { differenceBetween, record } from './recording.ts';

/**
 * Runs a seed with fast paths and without. Returns the first difference between the two traces, undefined if they are
 * equal: a fast path must change neither what a node does nor its result.
 */
export async function compareFastPaths(settings: RunSettings): Promise<string | undefined> {
  const [fast, slow] = [
    (await record(drawOptions({ ...settings, fastPaths: true }))).recording,
    (await record(drawOptions({ ...settings, fastPaths: false }))).recording,
  ];
  const difference = differenceBetween(fast, slow);
  if (difference === undefined) return undefined;
  const { index, recorded, replayed } = difference;
  return `event ${index}: ${recorded} with fast paths, ${replayed} without`;
}

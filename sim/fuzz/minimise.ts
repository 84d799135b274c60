/** Makes a list as short as it can be while something stays true of it (Zeller's ddmin, cut down to removals). */
export async function shortest<T>(
  items: readonly T[],
  holds: (items: readonly T[]) => boolean | Promise<boolean>,
  tries = 2000,
): Promise<readonly T[]> {
  let kept = items;
  let left = tries;
  for (let size = Math.ceil(kept.length / 2); size >= 1; ) {
    let removed = false;
    for (let at = 0; at < kept.length && left > 0; ) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      left--;
      if (await holds(without)) {
        kept = without;
        removed = true;
      } else at += size;
    }
    if (left <= 0) return kept;
    if (size === 1 && !removed) return kept;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return kept;
}

/** The same for bytes; those that do not matter become 0 in the end. */
export async function simplest(
  bytes: Uint8Array,
  holds: (bytes: Uint8Array) => boolean | Promise<boolean>,
  tries = 2000,
): Promise<Uint8Array> {
  const kept = Uint8Array.from(await shortest([...bytes], (items) => holds(Uint8Array.from(items)), tries));
  for (let at = 0; at < Math.min(kept.length, tries); at++) {
    if (kept[at] === 0) continue;
    const zeroed = kept.with(at, 0);
    if (await holds(zeroed)) kept[at] = 0;
  }
  return kept;
}

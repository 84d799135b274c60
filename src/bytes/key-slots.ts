/**
 * The slot of a key in an open hash table, or the free one where it belongs.
 * @param keys the keys of the groups, one after the other, each as long as `key`
 * @param slots group number + 1 by hash, 0 for a free slot, one of which there must be; as many as a power of 2
 */
export function slotOfKey(key: Int32Array, keys: Int32Array, slots: Int32Array): number {
  const { length } = key;
  let hash = 0x811c_9dc5;
  for (let n = 0; n < length; n++) {
    hash = Math.imul(hash ^ key[n]!, 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85eb_ca6b);
  hash ^= hash >>> 13;
  const mask = slots.length - 1;
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const group = slots[slot]! - 1;
    if (group < 0) return slot;
    const at = group * length;
    let n = 0;
    while (n < length && keys[at + n] === key[n]) n++;
    if (n === length) return slot;
  }
}

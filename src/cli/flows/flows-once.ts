import { slotOfKey } from '../../bytes/key-slots.ts';
import type { ListedFlow } from '../../flow/listed/listed-flow.ts';

/** Words of a key: the kernel's identifier, which two flows may share, and a hash of what differs then. */
const WORDS = 2;
/** Words of the addresses of the original direction. */
const ADDRESS_WORDS = 8;

function hashOf({ addressWords, original, protocol }: ListedFlow): number {
  let hash = protocol ^ (original.sourcePort << 16) ^ original.destinationPort;
  for (let n = 0; n < ADDRESS_WORDS; n++)
    hash = Math.imul(hash ^ addressWords[n]!, 0x9e37_79b1) ^ (hash >>> 15);
  return hash | 0;
}

/** Tells which flows were taken before the table was read again. Remembers 16 to 32 bytes of each. */
export class FlowsOnce {
  private isRestarted = false;
  private size = 0;
  private keys = new Int32Array(1024 * WORDS);
  /** Number of the flow + 1 by hash; 0: free. */
  private slots = new Int32Array(2048);
  private readonly key = new Int32Array(WORDS);

  /** The table is read again. */
  restarted(): void {
    this.isRestarted = true;
  }

  /** True for a flow that was taken already; else takes it. */
  isAgain(flow: ListedFlow): boolean {
    const { key } = this;
    key[0] = flow.id;
    key[1] = hashOf(flow);
    const slot = slotOfKey(key, this.keys, this.slots);
    if (this.slots[slot] !== 0) return this.isRestarted;
    this.keys.set(key, this.size * WORDS);
    this.slots[slot] = ++this.size;
    if (2 * this.size === this.slots.length) this.grow();
    return false;
  }

  private grow(): void {
    const { key, size } = this;
    const keys = new Int32Array(2 * this.keys.length);
    keys.set(this.keys);
    this.keys = keys;
    this.slots = new Int32Array(2 * this.slots.length);
    for (let n = 0; n < size; n++) {
      key.set(keys.subarray(n * WORDS, (n + 1) * WORDS));
      this.slots[slotOfKey(key, keys, this.slots)] = n + 1;
    }
  }
}

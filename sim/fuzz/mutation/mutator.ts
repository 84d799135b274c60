import type { Random } from '../../random.ts';
import { type Grammar, INPUT_MAX } from '../input.ts';
import { changeAttributes } from './attributes.ts';
import { changeBytes } from './bytes.ts';
import { changeMessages } from './messages.ts';
import { MutableInput } from './mutable-input.ts';
import { changeNetlink } from './netlink.ts';
import { changePieces } from './pieces.ts';

// biome-ignore format: a list of words
const WORDS = [
  '{', '}', '#', '\n', ' ', '"', 'on', 'off', '/', '0', '1', '-1', '65536', '4294967296', '99999999999', '::',
  '10.0.0.0/33', 'General', 'Sync', 'Stats', 'Mode', 'UDP', 'TCP', 'Multicast', 'Filter', 'Default', '--json', '-s',
  '\u0000', '\u2028', '\ud800',
].map((word) => new TextEncoder().encode(word));

/** Changes inputs, on a seed. No memory is allocated for a mutation. */
export class Mutator {
  private readonly random: Random;
  private readonly input: MutableInput;

  /** @param memory holds the mutated input, where another thread is to see it */
  constructor(random: Random, memory: ArrayBufferLike = new ArrayBuffer(INPUT_MAX)) {
    this.random = random;
    this.input = new MutableInput(memory);
  }

  /** The mutated input is the first {@link length} bytes; valid until the next. */
  get bytes(): Uint8Array {
    return this.input.bytes;
  }

  get length(): number {
    return this.input.length;
  }

  /** Takes one of the inputs and changes it, most often in one to three places. */
  next(grammar: Grammar, pool: readonly Uint8Array[]): void {
    const { random } = this;
    this.input.load(random.pick(pool));
    if (random.oneIn(64)) return;
    do this.change(grammar, pool);
    while (random.below(5) < 2);
  }

  private change(grammar: Grammar, pool: readonly Uint8Array[]): void {
    const { random, input } = this;
    switch (grammar) {
      case 'attributes':
        if (random.below(8) > 0) changeAttributes(random, input, 0, input.length);
        else changeBytes(random, input, pool);
        break;
      case 'datagram':
        if (random.below(8) > 0) changeMessages(random, input, pool);
        else changeBytes(random, input, pool);
        break;
      case 'netlink':
        if (random.below(6) > 0) changeNetlink(random, input);
        else changeBytes(random, input, pool);
        break;
      case 'pieces':
        if (random.below(2) > 0) changePieces(random, input, pool);
        else changeBytes(random, input, pool);
        break;
      case 'text':
        if (random.below(2) > 0) input.insert(random.below(input.length + 1), random.pick(WORDS));
        else changeBytes(random, input, pool);
        break;
      case 'bytes':
        changeBytes(random, input, pool);
    }
  }
}

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Outcome, SealedChannel } from '../../../src/link/sealed/channel.ts';
import { SEALED_OVERHEAD } from '../../../src/link/sealed/frame.ts';
import { KeyFileError, linkKey, parseKeyFile } from '../../../src/link/sealed/key.ts';

const key = (n: number) => linkKey(new Uint8Array(32).fill(n));

/** A node on a link that delivers when it is told to. */
class Node {
  readonly sent: Uint8Array[] = [];
  readonly taken: string[] = [];
  readonly outcomes: Outcome[] = [];
  readonly channel: SealedChannel;

  constructor(...keys: number[]) {
    this.channel = new SealedChannel(keys.map(key), (bytes, length) =>
      this.sent.push(bytes.slice(0, length)),
    );
  }

  say(text: string): void {
    this.channel.send(new TextEncoder().encode(text), text.length);
  }

  take(datagram: Uint8Array): Outcome {
    const padded = new Uint8Array(datagram.length + 16);
    padded.set(datagram, 8);
    const outcome = this.channel.receive(padded, 8, 8 + datagram.length);
    this.outcomes.push(outcome);
    if (outcome === Outcome.DATA)
      this.taken.push(new TextDecoder().decode(this.channel.opened.subarray(0, this.channel.openedLength)));
    return outcome;
  }
}

/** Delivers to each node what the others sent, until all is silent; returns all of it. */
function deliver(...nodes: Node[]): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let rounds = 0; rounds < 50; rounds++) {
    const sent = nodes.map((node) => node.sent.splice(0));
    if (sent.every((each) => each.length === 0)) return all;
    for (const [from, datagrams] of sent.entries()) {
      for (const datagram of datagrams) {
        all.push(datagram);
        for (const [to, node] of nodes.entries()) if (to !== from) node.take(datagram);
      }
    }
  }
  throw new Error('the nodes never fall silent');
}

describe('two nodes with one key', () => {
  test('lose nothing of what they send from their start on', () => {
    const [one, other] = [new Node(1), new Node(1)];
    one.say('HELLO of one');
    other.say('HELLO of the other');
    one.channel.handleTick();
    other.channel.handleTick();
    deliver(one, other);
    one.say('more');
    deliver(one, other);
    expect(other.taken).toEqual(['HELLO of one', 'more']);
    expect(one.taken).toEqual(['HELLO of the other']);
  });

  test('take up again after one restarts, without a word of it lost', () => {
    const one = new Node(1);
    const former = new Node(1);
    one.channel.handleTick();
    deliver(one, former);
    const restarted = new Node(1);
    restarted.say('HELLO');
    restarted.channel.handleTick();
    deliver(one, restarted);
    one.say('answer');
    deliver(one, restarted);
    expect(one.taken).toEqual(['HELLO']);
    expect(restarted.taken).toEqual(['answer']);
  });

  test('recover when a part of their handshake is lost', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 12 }), (losses) => {
        const nodes = [new Node(1), new Node(1)] as const;
        const fates = [...losses];
        for (let nowMs = 0; nowMs < 4000; nowMs += 200) {
          for (const node of nodes) node.channel.handleTick();
          for (let rounds = 0; rounds < 6; rounds++) {
            for (const [from, node] of nodes.entries()) {
              for (const datagram of node.sent.splice(0)) if (!fates.shift()) nodes[1 - from]!.take(datagram);
            }
          }
          for (const node of nodes) node.say(`at ${nowMs}`);
        }
        deliver(...nodes);
        for (const node of nodes) expect(node.taken.at(-1)).toBe('at 3800');
      }),
    );
  });

  test('send nothing in the clear, and add the same to each datagram', () => {
    const [one, other] = [new Node(1), new Node(1)];
    one.channel.handleTick();
    deliver(one, other);
    one.say('a secret of one');
    const [datagram] = deliver(one, other);
    expect(datagram!.length).toBe('a secret of one'.length + SEALED_OVERHEAD);
    expect(Buffer.from(datagram!).includes('secret')).toBe(false);
  });
});

describe('a recording', () => {
  test('played back to the nodes that it is of opens nothing, whichever of them have restarted', () => {
    const [one, other] = [new Node(1), new Node(1)];
    one.channel.handleTick();
    other.channel.handleTick();
    one.say('first');
    const recording = deliver(one, other);
    other.say('second');
    recording.push(...deliver(one, other));
    const restarted = new Node(1);
    for (const node of [one, other, restarted]) {
      const taken = node.taken.length;
      for (const datagram of [...recording, ...recording.toReversed()]) node.take(datagram);
      expect(node.taken.length).toBe(taken);
    }
    expect(restarted.channel.peers).toBe(0);
    // What a peer sent before the handshake with the restarted node is not taken after it either.
    restarted.channel.handleTick();
    deliver(one, restarted);
    expect(restarted.channel.peers).toBe(1);
    for (const datagram of recording) restarted.take(datagram);
    expect(restarted.taken).toEqual([]);
  });
});

test('a peer that was asked is asked again, so that a lost answer costs none of its words', () => {
  const [one, former, restarted] = [new Node(1), new Node(1), new Node(1)];
  one.channel.handleTick();
  deliver(one, former);
  restarted.channel.handleTick();
  for (const datagram of restarted.sent.splice(0)) one.take(datagram);
  for (const datagram of one.sent.splice(0)) restarted.take(datagram);
  expect(restarted.channel.peers).toBe(1);
  restarted.sent.splice(0);
  one.channel.handleTick();
  deliver(one, restarted);
  restarted.say('heard');
  deliver(one, restarted);
  expect(one.taken).toEqual(['heard']);
});

describe('a session', () => {
  const ticks = (count: number, ...nodes: Node[]) => {
    for (let n = 0; n < count; n++) {
      for (const node of nodes) node.channel.handleTick();
      deliver(...nodes);
    }
  };

  test('lives while its node lives, also one that has nothing to send', () => {
    const [one, other] = [new Node(1), new Node(1)];
    ticks(5000, one, other);
    expect([one.channel.peers, other.channel.peers]).toEqual([1, 1]);
    one.say('after long');
    deliver(one, other);
    expect(other.taken).toEqual(['after long']);
    expect(other.outcomes).not.toContain(Outcome.UNPROVED);
  });

  test('ends with its node, and no recording of it opens it again', () => {
    const [one, other] = [new Node(1), new Node(1)];
    one.channel.handleTick();
    const recording = deliver(one, other);
    one.say('taken');
    recording.push(...deliver(one, other));
    one.say('held back by somebody');
    const [heldBack] = one.sent.splice(0);
    ticks(400, other);
    expect(other.channel.peers).toBe(0);
    for (const datagram of [...recording, heldBack!, ...recording]) {
      other.channel.handleTick();
      other.take(datagram);
    }
    expect(other.taken).toEqual(['taken']);
    expect(other.channel.peers).toBe(0);
    // The node itself has only been away.
    other.sent.length = 0;
    one.say('lost');
    deliver(one, other);
    one.say('taken again');
    deliver(one, other);
    expect(other.taken).toEqual(['taken', 'taken again']);
  });

  test('makes way for another where there are too many, and is opened anew when it speaks', () => {
    const nodes = Array.from({ length: 66 }, () => new Node(1));
    const [one, ...others] = nodes as [Node, ...Node[]];
    for (const other of others) {
      one.channel.handleTick();
      other.channel.handleTick();
      deliver(one, other);
    }
    expect(one.channel.peers).toBe(64);
    others[0]!.say('asked again');
    deliver(one, others[0]!);
    others[0]!.say('taken');
    deliver(one, others[0]!);
    expect(one.taken).toEqual(['taken']);
    expect(one.channel.peers).toBe(64);
  });

  test('counts what no peer was there for', () => {
    const one = new Node(1);
    for (let n = 0; n < 1030; n++) one.say(`${n}`);
    expect(one.channel.undelivered).toBe(6);
    ticks(7, one);
    expect(one.channel.undelivered).toBe(1030);
  });
});

describe('what is refused', () => {
  test('is named: unsealed, another key, changed, sent twice, sent back', () => {
    const [one, other, stranger] = [new Node(1), new Node(1), new Node(2)];
    one.channel.handleTick();
    deliver(one, other);
    stranger.channel.handleTick();
    expect(one.take(stranger.sent[0]!)).toBe(Outcome.OTHER_KEY);
    expect(one.take(Uint8Array.of(0x10, 0, 0, 8, 0, 0, 0, 1))).toBe(Outcome.UNSEALED);
    expect(one.take(new Uint8Array(0))).toBe(Outcome.UNSEALED);
    other.say('text');
    const [datagram] = other.sent.splice(0);
    for (let at = 0; at < datagram!.length; at++) {
      const changed = datagram!.slice();
      changed[at]! ^= 4;
      expect(one.take(changed)).not.toBe(Outcome.DATA);
    }
    for (let end = 1; end < datagram!.length; end++) {
      expect(one.take(datagram!.slice(0, end))).toBe(Outcome.FORGED);
    }
    expect(one.take(datagram!)).toBe(Outcome.DATA);
    expect(one.take(datagram!)).toBe(Outcome.REPLAYED);
    expect(other.take(datagram!)).toBe(Outcome.REPLAYED);
  });

  test('costs a bounded number of derived keys in an interval', () => {
    const one = new Node(1);
    one.channel.handleTick();
    const outcomes = Array.from({ length: 500 }, () => {
      const stranger = new Node(1);
      stranger.channel.handleTick();
      const forged = stranger.sent[0]!;
      forged.set(randomBytes(12), 4);
      return one.take(forged);
    });
    expect(outcomes.filter((outcome) => outcome === Outcome.FORGED).length).toBeLessThanOrEqual(64);
  });
});

describe('three nodes', () => {
  test('take what each sends', () => {
    const nodes = [new Node(1), new Node(1), new Node(1)];
    for (const node of nodes) {
      node.channel.handleTick();
      deliver(...nodes);
    }
    for (const [n, node] of nodes.entries()) node.say(`of ${n}`);
    deliver(...nodes);
    expect(nodes.map(({ taken }) => taken)).toEqual([
      ['of 1', 'of 2'],
      ['of 0', 'of 2'],
      ['of 0', 'of 1'],
    ]);
  });
});

describe('a change of keys', () => {
  test('loses nothing at any step, and the old key then opens nothing', () => {
    const [one, other] = [new Node(1), new Node(1)];
    one.channel.handleTick();
    deliver(one, other);
    const steps: [Node, number[]][] = [
      [one, [1, 2]],
      [other, [1, 2]],
      [one, [2, 1]],
      [other, [2, 1]],
      [one, [2]],
      [other, [2]],
    ];
    const expected: string[] = [];
    for (const [n, [node, keys]] of steps.entries()) {
      node.channel.setKeys(keys.map(key));
      for (const each of [one, other]) each.say(`step ${n}`);
      deliver(one, other);
      expected.push(`step ${n}`);
    }
    expect([one.taken, other.taken]).toEqual([expected, expected]);
    const late = new Node(1);
    late.channel.handleTick();
    expect(one.take(late.sent[0]!)).toBe(Outcome.OTHER_KEY);
  });
});

describe('a key file', () => {
  const line = (n: number) => Buffer.from(new Uint8Array(32).fill(n)).toString('base64');

  test('has one or two keys, comments and empty lines', () => {
    expect(parseKeyFile(`${line(1)}\n`)).toEqual([key(1)]);
    expect(parseKeyFile(`# of 2026\n${line(1)}\n\n ${line(2)}\r\n`)).toEqual([key(1), key(2)]);
  });

  test.each([
    ['', 'expected a key'],
    ['secret', 'line 1: expected a key'],
    [`${line(1)}\n${line(1)}`, 'line 2: the key is there twice'],
    [`${line(1)}\n${line(2)}\n${line(3)}`, 'line 3: expected at most 2 keys'],
    [line(1).slice(4), 'line 1: expected a key'],
  ])('is refused as %j', (text, message) => {
    expect(() => parseKeyFile(text)).toThrow(KeyFileError);
    expect(() => parseKeyFile(text)).toThrow(message);
  });
});

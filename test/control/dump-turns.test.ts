import { describe, expect, it } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import { DumpTurns } from '../../src/control/dump-turns.ts';
import type { Answer } from '../../src/control/server.ts';

const LINE = `${'x'.repeat(999)}\n`;
/** Characters that a client of these tests takes before it has to be asked for more. */
const PIECE = 65_536 + LINE.length;

/** A client that takes a piece whenever `read` is called, or all at once. */
class Client implements Answer {
  gone = false;
  size = 0;
  readonly isSlow: boolean;
  private wake: (() => void) | undefined;

  constructor(isSlow = false) {
    this.isSlow = isSlow;
  }

  write(text: string): boolean {
    this.size += text.length;
    return !this.isSlow;
  }

  drained(): Promise<boolean> {
    if (!this.isSlow) return Promise.resolve(!this.gone);
    return new Promise((resolve) => {
      this.wake = () => resolve(!this.gone);
    });
  }

  read(): void {
    this.wake?.();
  }

  end(): void {}
}

/** `count` lines of a dump, and what is known of all dumps. */
function* lines(count: number, seen: { made: number; open: number }): Generator<string> {
  seen.open++;
  try {
    for (let n = 0; n < count; n++) {
      seen.made++;
      yield LINE;
    }
  } finally {
    seen.open--;
  }
}

describe('fifty dumps at once', () => {
  it('are all answered, one slice in a turn of the event loop', async () => {
    const dumps = new DumpTurns();
    const seen = { made: 0, open: 0 };
    const clients = Array.from({ length: 50 }, () => new Client());
    const sizes = () => clients.map(({ size }) => size);
    /** How many dumps went on from one turn of the event loop to the next, at most. */
    let most = 0;
    let before = sizes();
    let isOver = false;
    const watch = (): void => {
      const now = sizes();
      most = Math.max(most, now.filter((size, n) => size !== before[n]).length);
      before = now;
      if (!isOver) setImmediate(watch);
    };
    setImmediate(watch);
    await Promise.all(clients.map((client) => dumps.send(client, lines(20_000, seen))));
    isOver = true;
    expect(sizes()).toEqual(clients.map(() => 20_000 * LINE.length));
    expect(most).toBeLessThanOrEqual(2);
    expect(seen.open).toBe(0);
  });

  it('hold one piece each while their clients take nothing, and hold up nobody', async () => {
    const dumps = new DumpTurns();
    const seen = { made: 0, open: 0 };
    const slow = Array.from({ length: 50 }, () => new Client(true));
    const sent = slow.map((client) => dumps.send(client, lines(20_000, seen)));
    const quick = new Client();
    await dumps.send(quick, lines(2_000, seen));
    expect(quick.size).toBe(2_000 * LINE.length);
    await until('the first piece of each', () => slow.every(({ size }) => size > 0));
    for (const { size } of slow) expect(size).toBeLessThanOrEqual(PIECE);
    for (const client of slow) {
      client.gone = true;
      client.read();
    }
    await Promise.all(sent);
    expect(seen.open).toBe(0);
  });

  it('let the others go on when one fails', async () => {
    const dumps = new DumpTurns();
    function* failing(): Generator<string> {
      yield LINE;
      throw new Error('no more today');
    }
    const seen = { made: 0, open: 0 };
    const other = new Client();
    const [failed] = await Promise.allSettled([
      dumps.send(new Client(), failing()),
      dumps.send(other, lines(5_000, seen)),
    ]);
    expect(failed).toMatchObject({ status: 'rejected', reason: new Error('no more today') });
    expect(other.size).toBe(5_000 * LINE.length);
  });
});

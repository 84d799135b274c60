import type { Namespace } from './namespace.ts';

export interface Loss {
  /** Packets dropped so far. */
  dropped(): Promise<number>;
  /** Lets everything pass again. */
  stop(): Promise<void>;
}

let made = 0;

/** Drops, at random, that many percent (0 to 100) of what arrives on links of this name (`sync0`, `sync*`). */
export async function startLoss(namespace: Namespace, link: string, percent: number): Promise<Loss> {
  if (!Number.isInteger(percent) || percent < 0 || percent > 100) {
    throw new Error(`percent: expected a whole number from 0 to 100, got ${percent}`);
  }
  const table = `lab_loss_${++made}`;
  // Before the raw hook: nothing else of the rule set sees what is lost.
  await namespace.nft(`
table inet ${table} {
  counter dropped { }
  chain arriving {
    type filter hook prerouting priority -400; policy accept;
    iifname "${link}" numgen random mod 100 < ${percent} counter name "dropped" drop
  }
}
`);
  const dropped = async () => {
    const text = await namespace.must('nft', ['list', 'counter', 'inet', table, 'dropped']);
    return Number(/packets (\d+)/.exec(text)?.[1] ?? 0);
  };
  return {
    dropped,
    stop: () => namespace.nft(`delete table inet ${table}\n`),
  };
}

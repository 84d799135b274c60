import type { Namespace } from './namespace.ts';

export interface Loss {
  /** Packets dropped so far. */
  dropped(): Promise<number>;
  /** Stops dropping packets. */
  stop(): Promise<void>;
}

let made = 0;

/** Drops, at random, this percentage (0 to 100) of the packets that arrive on links of this name (`sync0`, `sync*`). */
export function startLoss(namespace: Namespace, link: string, percent: number): Promise<Loss> {
  return dropArriving(namespace, `iifname "${link}"`, percent);
}

/**
 * The same of the packets that match an expression of nft's.
 * @throws Error if `percent` is no whole number from 0 to 100
 */
export async function dropArriving(namespace: Namespace, match: string, percent: number): Promise<Loss> {
  if (!Number.isInteger(percent) || percent < 0 || percent > 100) {
    throw new Error(`percent: expected a whole number from 0 to 100, got ${percent}`);
  }
  const table = `lab_loss_${++made}`;
  // nft takes no comparison that holds always, or never.
  const chance = percent === 100 ? '' : `numgen random mod 100 < ${percent}`;
  const rule = percent === 0 ? '' : `${match} ${chance} counter name "dropped" drop`;
  // Before the raw hook, so that nothing else in the rule set sees the dropped packets.
  await namespace.nft(`
table inet ${table} {
  counter dropped { }
  chain arriving {
    type filter hook prerouting priority -400; policy accept;
    ${rule}
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

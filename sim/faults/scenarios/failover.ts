import { setTimeout as elapse } from 'node:timers/promises';
import { startChurn } from '../../load/churn.ts';
import { ALL_PAIRS, type Scenario } from '../scenario.ts';
import { comparePair } from '../stage/comparison.ts';

const REIGN_MS = 4_000;

/** The backup takes over as primary-backup.sh lets it, flows change there, and the primary takes over again. */
const andBack: Scenario = {
  name: 'failover-and-back',
  title: 'failover under churn, churn on the other firewall, and back',
  pairs: ALL_PAIRS,
  target: {},
  async run({ lab, churn, recovery, flows }) {
    const first = await churn();
    await elapse(REIGN_MS);
    const { oldest, next } = await first.stop();
    await lab.becomeBackup(lab.a);
    await lab.becomePrimary(lab.b);
    const taken = await recovery(performance.now(), () => comparePair(lab.b, lab.a));
    if (taken.recoverMs === undefined) return taken;
    const second = await startChurn(lab.b.namespace, {
      oldest,
      next,
      ratePerSecond: Math.max(2, flows / 20),
    });
    await elapse(REIGN_MS);
    await second.stop();
    await lab.becomeBackup(lab.b);
    await lab.becomePrimary(lab.a);
    const back = await recovery();
    if (back.recoverMs === undefined) return back;
    return { ...back, recoverMs: Math.max(taken.recoverMs, back.recoverMs) };
  },
};

export const FAILOVERS: readonly Scenario[] = [andBack];

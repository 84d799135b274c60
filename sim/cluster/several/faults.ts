import type { Random } from '../../random.ts';
import type { Fault } from '../faults.ts';
import type { SeveralOptions } from './options.ts';

/** The faults of a round that lasts `length` ms: all are over when it ends. Nodes that die alone die one after the other. */
export function drawSeveralFaults(
  random: Random,
  options: SeveralOptions,
  round: number,
  length: number,
): Fault[] {
  const faults: Fault[] = [];
  const { kind, faults: count } = options;
  for (let n = 0; n < count; n++) {
    const share = length / count;
    const at = kind === 'deaths' ? share * n + 2000 : Math.floor(random.fraction() * length * 0.8);
    const most = kind === 'deaths' ? share - 2000 - 3500 : length - at;
    if (most < 500) break;
    const lasts = Math.max(1, Math.min(most, Math.floor(random.exponential(length / 6))));
    faults.push({ round, at, ...drawFault(random, options, lasts) } as Fault);
  }
  return faults.sort((one, other) => one.at - other.at);
}

function drawFault(random: Random, { kind, nodes }: SeveralOptions, lasts: number): object {
  const node = random.below(nodes.length);
  const clockJump = random.pick([0, 0, 1, -3600]);
  const which = random.fraction();
  if (kind === 'deaths' || which < 0.25) return { kind: 'power', node, lasts, clockJump };
  if (which < 0.45) return { kind: 'restart', node, lasts, clockJump };
  if (which < 0.6) return { kind: 'stall', node, lasts };
  if (which < 0.8) {
    const other = (node + random.between(1, nodes.length - 1)) % nodes.length;
    return { kind: 'partition', wire: 0, from: node, to: other, lasts };
  }
  const often = (): number => random.pick([0, 0.01, 0.1, 0.3]);
  const conditions = {
    loss: often(),
    duplication: often(),
    corruption: 0,
    truncation: 0,
    delay: random.pick([0.1, 1, 50]),
    jitter: random.pick([0, 0.5, 20]),
  };
  return { kind: 'conditions', wire: 0, conditions, lasts };
}

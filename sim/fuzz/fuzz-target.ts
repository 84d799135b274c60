import { type Finding, Session } from './session.ts';
import type { Target } from './target.ts';

export interface FuzzOptions {
  /** 32 bits; the same seed tries the same inputs. */
  readonly seed: number;
  /** About so many inputs. */
  readonly cases: number;
  /** Inputs to begin with beside the target's own. */
  readonly corpus?: readonly Uint8Array[];
}

/** Tries mutations of a target's inputs in this thread. Resolves to what was found, one of a kind, each made as small as it gets. */
export async function fuzzTarget(
  target: Target,
  { seed, cases, corpus = [] }: FuzzOptions,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const kept = new Map([[target.name, corpus]]);
  const session = new Session(seed, 0, [target], kept, (finding) => findings.push(finding));
  await session.run(cases);
  return findings;
}

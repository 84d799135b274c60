import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import type { FailoverResults } from '../failover/run.ts';
import type { BenchOptions } from '../options.ts';
import type { Result } from '../result.ts';

/** All results, and the machine and versions that they are from. */
export function jsonOf(
  results: readonly Result[],
  failovers: FailoverResults | undefined,
  options: BenchOptions,
  otherNode?: string,
): string {
  const processors = cpus();
  const report = {
    date: new Date().toISOString(),
    machine: {
      processor: processors[0]?.model,
      processors: processors.length,
      memory: totalmem(),
      kernel: release(),
      node: process.version,
      ...(otherNode === undefined ? {} : { otherNode }),
      conntrackd: versionOfC(),
    },
    rounds: results[0]?.rounds.c?.length ?? options.rounds,
    sizes: options.sizes,
    results,
    ...(failovers === undefined ? {} : { failovers: failovers.cells }),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function versionOfC(): string {
  const text = execFileSync(cProgramPath(), ['-v'], { encoding: 'utf8' });
  return /v(\d+\.\d+\.\d+)/.exec(text)?.[1] ?? text.split('\n')[0]!;
}

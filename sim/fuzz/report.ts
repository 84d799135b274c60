import { readFileSync, writeFileSync } from 'node:fs';
import { pack, unpack } from 'msgpackr';
import type { Difference } from './live/difference.ts';
import type { LiveOptions } from './live/options.ts';
import type { Finding } from './session.ts';

const VERSION = 1;

/** What a run found, with all that it takes to find it again. */
export type Report =
  | {
      readonly kind: 'in-process';
      readonly seed: number;
      readonly cases: number;
      readonly node: string;
      readonly findings: readonly Finding[];
    }
  | {
      readonly kind: 'live';
      readonly seed: number;
      readonly datagrams: number;
      readonly node: string;
      readonly options: LiveOptions;
      readonly findings: readonly Difference[];
    };

export function writeReport(file: string, report: Report): void {
  writeFileSync(file, pack({ version: VERSION, ...report }));
}

/** @throws Error if the file holds no report of this version */
export function readReport(file: string): Report {
  const report = unpack(readFileSync(file)) as Report & { readonly version?: number };
  if (report?.version !== VERSION) throw new Error(`${file}: no report of version ${VERSION}`);
  return report;
}

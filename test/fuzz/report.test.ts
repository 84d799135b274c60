import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCorpus, writeCorpus } from '../../sim/fuzz/corpus.ts';
import { type Report, readReport, writeReport } from '../../sim/fuzz/report.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'conntrackd-ts-report-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('a report', () => {
  const input = Buffer.from([0, 1, 255]);
  const reports: readonly Report[] = [
    {
      kind: 'in-process',
      seed: 7,
      cases: 9,
      node: 'v20',
      findings: [{ target: 'stream', message: 'lost', input }],
    },
    {
      kind: 'live',
      seed: 7,
      datagrams: 9,
      node: 'v20',
      options: { target: 'both', mode: 'ftfw', minutes: 1, seed: 7, port: 3780, findings: 10 },
      findings: [{ kind: 'flows', detail: 'one', datagrams: [input, input] }],
    },
  ];

  it.each(reports.map((report) => [report.kind, report] as const))(
    'is read as it was written: %s',
    (_, report) => {
      const file = join(directory, 'report');
      writeReport(file, report);
      expect(readReport(file)).toMatchObject(report);
    },
  );

  it('is refused if it is none, or of another version', () => {
    const file = join(directory, 'report');
    writeFileSync(file, Uint8Array.of(0x80));
    expect(() => readReport(file)).toThrow('no report of version 1');
  });
});

describe('a corpus', () => {
  it('is read as it was written, and is empty where there is none', () => {
    const file = join(directory, 'deep', 'corpus');
    expect(readCorpus(file).size).toBe(0);
    const corpus = new Map([['stream', [Uint8Array.of(1, 2), new Uint8Array(0)]]]);
    writeCorpus(corpus, 'by hand', file);
    expect(readCorpus(file)).toEqual(corpus);
  });
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FILE_KINDS, type FileKind, type GridOptions } from '../options.ts';
import type { GridReport } from '../result.ts';
import { htmlOf } from './html.ts';
import { junitOf } from './junit.ts';
import { markdownOf } from './markdown.ts';

const TEXTS: Readonly<Record<FileKind, (report: GridReport, file: string) => string>> = {
  json: (report) => `${JSON.stringify(report, undefined, 2)}\n`,
  junit: junitOf,
  html: (report, file) => htmlOf(report, dirname(resolve(file))),
  markdown: markdownOf,
};

/** Writes the files that were asked for, and makes their folders. */
export function writeFiles(report: GridReport, files: GridOptions['files']): void {
  for (const kind of FILE_KINDS) {
    const file = files[kind];
    if (file === undefined) continue;
    mkdirSync(dirname(resolve(file)), { recursive: true });
    writeFileSync(file, TEXTS[kind](report, file));
  }
}

import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutants.ts';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

/** The simulator's command, built with one line switched to another. */
export class MutatedBuild {
  private readonly directory: string;

  /** @throws Error if the line is not there exactly once */
  constructor({ file, line, instead }: Pick<Mutant, 'file' | 'line' | 'instead'>) {
    // Inside of the package, where its dependencies are found.
    this.directory = mkdtempSync(join(DIST, 'mutant-'));
    try {
      for (const part of ['src', 'sim'])
        cpSync(join(DIST, part), join(this.directory, part), { recursive: true });
      const path = join(this.directory, 'src', file);
      const text = readFileSync(path, 'utf8');
      const found = text.split(line).length - 1;
      if (found !== 1) throw new Error(`${file} has ${found} times: ${line}`);
      writeFileSync(
        path,
        text.replace(line, () => instead),
      );
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Runs `npm run sim` with these arguments. */
  sim(args: readonly string[]): Promise<{ code: number; output: string }> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [join(this.directory, 'sim', 'cluster.js'), ...args],
        { maxBuffer: 1 << 26 },
        (error, stdout, stderr) =>
          resolve({ code: error ? Number(error.code ?? -1) : 0, output: stdout + stderr }),
      );
    });
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

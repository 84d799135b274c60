import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ProgramCopy } from '../support/program-copy.ts';
import type { Mutant } from './mutants.ts';

/** The simulator's command, built with one line switched to another. */
export class MutatedBuild {
  private readonly copy = new ProgramCopy(['dist/src', 'dist/sim']);

  /** @throws Error if the line is not there exactly once */
  constructor({ file, line, instead, also }: Pick<Mutant, 'file' | 'line' | 'instead' | 'also'>) {
    try {
      this.copy.replace(join('dist', 'src', file), line, instead);
      if (also) this.copy.replace(join('dist', 'src', also.file), also.line, also.instead);
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
        [join(this.copy.directory, 'dist', 'sim', 'cluster.js'), ...args],
        { maxBuffer: 1 << 26 },
        (error, stdout, stderr) =>
          resolve({ code: error ? Number(error.code ?? -1) : 0, output: stdout + stderr }),
      );
    });
  }

  close(): void {
    this.copy.close();
  }
}

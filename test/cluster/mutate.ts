import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutants.ts';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));

/** The simulator's command, built with one line switched to another. */
export class MutatedBuild {
  private readonly directory: string;

  /** @throws Error if the line is not there exactly once */
  constructor({ file, line, instead }: Pick<Mutant, 'file' | 'line' | 'instead'>) {
    this.directory = mkdtempSync(join(tmpdir(), 'conntrackd-ts-mutant-'));
    try {
      for (const part of ['package.json', 'dist/src', 'dist/sim'])
        cpSync(join(PACKAGE, part), join(this.directory, part), { recursive: true });
      symlinkSync(join(PACKAGE, 'node_modules'), join(this.directory, 'node_modules'));
      const path = join(this.directory, 'dist', 'src', file);
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
        [join(this.directory, 'dist', 'sim', 'cluster.js'), ...args],
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

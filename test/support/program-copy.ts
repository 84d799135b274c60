import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
/** What no program reads when it runs. */
const NEVER_READ = /\.(?:map|d\.ts)$/;

/** A copy of parts of the package, such as `dist/src`, in a directory of its own: to be changed and run. */
export class ProgramCopy {
  readonly directory: string;

  constructor(parts: readonly string[]) {
    this.directory = mkdtempSync(join(tmpdir(), 'conntrackd-ts-copy-'));
    try {
      for (const part of ['package.json', ...parts])
        cpSync(join(PACKAGE, part), join(this.directory, part), {
          recursive: true,
          filter: (source) => !NEVER_READ.test(source),
        });
      symlinkSync(join(PACKAGE, 'node_modules'), join(this.directory, 'node_modules'));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Puts `instead` where `line` stands in a file. @throws Error if the line is not there exactly once */
  replace(file: string, line: string, instead: string): void {
    const path = join(this.directory, file);
    const text = readFileSync(path, 'utf8');
    const found = text.split(line).length - 1;
    if (found !== 1) throw new Error(`${file} has ${found} times: ${line}`);
    writeFileSync(
      path,
      text.replace(line, () => instead),
    );
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

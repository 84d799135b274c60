import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LockFile } from '../../src/daemon/process/lock-file.ts';

it('the lock file of another daemon, made after ours was removed, stays', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ctd-lock-'));
  const path = join(directory, 'lock');
  try {
    const first = LockFile.take(path);
    rmSync(path);
    const second = LockFile.take(path);
    first.release();
    expect(existsSync(path)).toBe(true);
    second.release();
    expect(existsSync(path)).toBe(false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../../sim/netns/until.ts';
import { KeyFileError } from '../../../src/link/sealed/key.ts';
import { KeyFile, readKeyFile } from '../../../src/link/sealed/key-file.ts';

const keyLine = (n: number) => `${Buffer.from(new Uint8Array(32).fill(n)).toString('base64')}\n`;

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'key-file-'));
  path = join(directory, 'link.key');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (text: string) => writeFileSync(path, text, { mode: 0o600 });

describe('a key file', () => {
  test.each([0o600, 0o400])('is read with the rights %o', (mode) => {
    write(keyLine(1));
    chmodSync(path, mode);
    expect(readKeyFile(path)).toHaveLength(1);
  });

  test.each([0o640, 0o604, 0o610, 0o602])('is refused with the rights %o', (mode) => {
    write(keyLine(1));
    chmodSync(path, mode);
    expect(() => readKeyFile(path)).toThrow(
      `key file ${path}: others than its owner have rights to it: chmod 600`,
    );
  });

  test.runIf(process.geteuid?.() === 0)('is refused if it is of another user', () => {
    write(keyLine(1));
    chownSync(path, 65_534, 65_534);
    expect(() => readKeyFile(path)).toThrow(`key file ${path}: it belongs to another user, expected root`);
  });

  test('is refused if it is missing, no file, too long or no key, and says nothing of what it has', () => {
    expect(() => readKeyFile(path)).toThrow(/^key file .*: ENOENT/);
    mkdirSync(path);
    expect(() => readKeyFile(path)).toThrow('expected a regular file');
    rmSync(path, { recursive: true });
    write('#'.repeat(5000));
    expect(() => readKeyFile(path)).toThrow('it has 5000 bytes, expected at most 4096');
    write(`${keyLine(1)}not a key but perhaps a secret\n`);
    expect(() => readKeyFile(path)).toThrow(KeyFileError);
    expect(() => readKeyFile(path)).toThrow(
      /^key file [^:]*: line 2: expected a key as `conntrackd-ts genkey' prints it$/,
    );
  });

  test('may be a link to one', () => {
    write(keyLine(1));
    symlinkSync(path, join(directory, 'link'));
    expect(readKeyFile(join(directory, 'link'))).toHaveLength(1);
  });
});

test('a change is followed; a mistake is told, and the keys until then stay', async () => {
  write(keyLine(1));
  const reports: (string | undefined)[] = [];
  const seen: number[] = [];
  const file = new KeyFile(path, (mistake) => reports.push(mistake));
  file.subscribe((keys) => seen.push(keys.length));
  try {
    write(keyLine(1) + keyLine(2));
    await until('the second key', () => file.keys.length === 2);
    write('nonsense\n');
    await until('the mistake', () => reports.at(-1) !== undefined);
    expect(reports.at(-1)).toMatch(/line 1: expected a key/);
    rmSync(path);
    await until('the loss', () => /ENOENT/.test(reports.at(-1) ?? ''));
    expect(file.keys).toHaveLength(2);
    write(keyLine(2));
    await until('the new file', () => file.keys.length === 1);
    expect(seen).toEqual([2, 1]);
  } finally {
    file.close();
  }
});

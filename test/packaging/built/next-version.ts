import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runOrThrow } from '../../../sim/netns/process.ts';
import { builtPackage } from './bare-root.ts';

export const NEXT_VERSION = '99.0.0';

/**
 * Writes the package to `path` as a later version, in which the program tells that version and every file that an operator may
 * look at has changed, but for those in /etc.
 */
export async function writeNextVersion(path: string): Promise<void> {
  const folder = mkdtempSync(join(dirname(path), 'next-version-'));
  try {
    await runOrThrow('dpkg-deb', ['--raw-extract', builtPackage(), folder], { timeout: 120_000 });
    const change = (file: string, old: RegExp, replacement: string) => {
      const text = readFileSync(join(folder, file), 'utf8');
      if (!old.test(text)) throw new Error(`${file}: found nothing like ${old}`);
      writeFileSync(join(folder, file), text.replace(old, replacement));
    };
    change('DEBIAN/control', /^Version: .*$/m, `Version: ${NEXT_VERSION}`);
    change('usr/lib/conntrackd-ts/package.json', /"version": "[^"]*"/, `"version": "${NEXT_VERSION}"`);
    change(
      'usr/lib/systemd/system/conntrackd-ts.service',
      /^Description=.*$/m,
      'Description=The next version',
    );
    appendFileSync(join(folder, 'usr/share/conntrackd-ts/conntrackd-ts.toml'), '# A new setting.\n');
    const build = ['--root-owner-group', '-Zgzip', '-z1', '--build', folder, path];
    await runOrThrow('dpkg-deb', build, { timeout: 120_000 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

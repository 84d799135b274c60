import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ARCHITECTURES } from './architecture.ts';
import { buildDeb } from './deb.ts';
import { packNpm } from './npm-tarball.ts';
import { readRelease } from './release.ts';
import { ROOT } from './root.ts';

const USAGE = `Usage: npm run package -- [--arch amd64|arm64]... [--out DIR]
Builds the Debian packages and the tarball for npm, and SHA256SUMS of both.
  --arch, for this architecture alone (all)
  --out DIR, where to put them (out)
`;

function packAll(architectures: readonly string[], out: string): void {
  const release = readRelease(process.env);
  mkdirSync(out, { recursive: true });
  const scratch = mkdtempSync(join(tmpdir(), 'conntrackd-ts-package-'));
  try {
    const packages = ARCHITECTURES.filter(({ debian }) => architectures.includes(debian)).map(
      (architecture) => buildDeb(architecture, release, scratch, out),
    );
    packages.push(packNpm(release, scratch, out));
    let sums = '';
    for (const path of packages) {
      sums += `${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${basename(path)}\n`;
      console.log(`${path} (${(statSync(path).size / 1e6).toFixed(1)} MB)`);
    }
    writeFileSync(join(out, 'SHA256SUMS'), sums);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

try {
  const known = ARCHITECTURES.map(({ debian }) => debian as string);
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', multiple: true },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const stranger = values.arch?.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    throw new Error(`--arch: found \`${stranger}', expected one of ${known.join(', ')}`);
  }
  if (values.help) console.log(USAGE);
  else packAll(values.arch ?? known, resolve(values.out ?? join(ROOT, 'out')));
} catch (error) {
  console.error(`package: ${(error as Error).message}`);
  process.exitCode = 1;
}

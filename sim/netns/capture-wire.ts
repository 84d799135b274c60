// Captures what real C nodes put on the wire, for vendor-fixtures/wire. Run as root:
//
//   npm run build && node dist/sim/netns/capture-wire.js [directory]
//
// It writes one JSON file per theme to the directory, by default vendor-fixtures/wire.

import { mkdir, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cProgram, missingForLab, withLab } from './lab.ts';
import { run } from './process.ts';
import { attributes, nat, protocols, tcp, timeouts } from './wire-capture/conntrack-themes.ts';
import { control } from './wire-capture/control-theme.ts';
import { ftp, ftpTimeouts } from './wire-capture/ftp-themes.ts';
import { type FixtureFile, Recorder, type Theme } from './wire-capture/recorder.ts';
import { real, window } from './wire-capture/traffic-themes.ts';
import { startWirePeer } from './wire-peer.ts';

const THEMES = [tcp, protocols, nat, attributes, timeouts, real, window, ftp, ftpTimeouts, control];

async function captureTheme(theme: Theme, versions: string): Promise<FixtureFile> {
  return withLab({ ftp: true }, async (opened) => {
    const peer = await startWirePeer(opened.b.namespace, 'b');
    await opened.a.start({ program: cProgram, configuration: theme.configuration });
    const recorder = new Recorder(opened, peer, theme);
    await peer.settle();
    await theme.work(recorder);
    return {
      captured: `By sim/netns/capture-wire.ts at the peer's end of the UDP link of a C node. ${versions}. ${theme.options}.`,
      datagrams: recorder.fixtures,
    };
  });
}

async function main(directory: string): Promise<void> {
  const missing = missingForLab(['conntrackd', 'ping']);
  if (missing.length > 0) throw new Error(`this needs ${missing.join(', ')}`);
  const version = /v[\d.]*\d/.exec((await run(cProgram.command, ['-v'])).stdout)?.[0] ?? 'version unknown';
  const versions = `conntrackd ${version}, Linux ${/^\d+\.\d+/.exec(release())?.[0]}`;
  await mkdir(directory, { recursive: true });
  const wanted = process.argv.slice(3);
  for (const theme of THEMES) {
    if (wanted.length > 0 && !wanted.includes(theme.name)) continue;
    const file = await captureTheme(theme, versions);
    await writeFile(join(directory, `${theme.name}.json`), `${JSON.stringify(file, undefined, 1)}\n`);
    console.log(`${theme.name}: ${file.datagrams.length} datagrams`);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(process.argv[2] ?? join('vendor-fixtures', 'wire'));
}

import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const entry = new URL('../../dist/src/index.js', import.meta.url);

test('importing the package loads nothing native and leaves nothing running', () => {
  const script = `
    const { decodeFlow, encodeFlow } = await import('${entry}');
    const record = encodeFlow({ original: { family: 4, source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 } });
    console.log(JSON.stringify({
      flow: decodeFlow(record, 0, record.length).original,
      native: process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node')),
      running: process.getActiveResourcesInfo(),
    }));
  `;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  });
  const { flow, native, running } = JSON.parse(printed);
  expect(flow).toEqual({ family: 4, source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 });
  expect(native).toEqual([]);
  expect(
    running.filter((kind: string) => /Timeout|Immediate|TCP|UDP|Socket|Process|Poll|Worker/.test(kind)),
  ).toEqual([]);
});

test('the program is a script that can be executed, is packed, and finds what it starts', () => {
  const root = new URL('../../', import.meta.url);
  const { bin, files } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const program = new URL(bin['conntrackd-ts'], root);
  accessSync(program, constants.X_OK);
  expect(files).toEqual(expect.arrayContaining(['bin', 'dist/src']));
  const env = { ...process.env, CONNTRACKD_TS_NODE: process.execPath };
  const printed = execFileSync(fileURLToPath(program), ['--version'], { encoding: 'utf8', env });
  expect(printed).toMatch(/^\d+\.\d+\.\d+\n$/);
});

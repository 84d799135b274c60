import { execFileSync } from 'node:child_process';
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

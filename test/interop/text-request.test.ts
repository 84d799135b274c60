import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import { run } from '../../sim/netns/process.ts';
import { runRequest } from '../../src/cli/request.ts';
import { Request } from '../../src/control/codes.ts';
import { logLine } from '../../src/daemon/process/log-line.ts';

const C = cProgramPath();
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'text-request-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const masked = (log: string) => log.replace(/^\[.{24}\] \(pid=\d+\)/, '[DATE] (pid=PID)');

it('without a daemon ends as in C', async () => {
  const path = join(directory, 'nobody');
  const configuration = join(directory, 'conf');
  writeFileSync(configuration, `Stats {\n}\nGeneral {\n  UNIX {\n    Path ${path}\n  }\n}\n`);
  const theirs = await run(C, ['-s', '-C', configuration]);

  const output = new PassThrough();
  const errors = new PassThrough();
  const code = await runRequest(path, Request.STATISTICS, output, errors);
  output.end();
  errors.end();

  expect({ code, stdout: await text(output), stderr: masked(await text(errors)) }).toEqual({
    code: theirs.code,
    stdout: theirs.stdout,
    stderr: masked(theirs.stderr),
  });
});

it('a log line is laid out as in C', async () => {
  const { stderr } = await run(C, ['-s', 'foo']);
  const [, date, pid] = /^\[(.{24})\] \(pid=(\d+)\)/.exec(stderr) ?? [];
  // Without a zone, the date is read as local time: what C printed it in.
  const time = new Date(date!);
  expect(logLine(time, Number(pid), 'ERROR', "unknown parameter `foo' for option `-s'")).toBe(stderr);
});

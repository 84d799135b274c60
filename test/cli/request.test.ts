import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runRequest } from '../../src/cli/request.ts';
import { Request } from '../../src/control/codes.ts';
import { openControlSocket } from '../../src/control/server.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'request-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function ask(path: string) {
  const output = new PassThrough();
  const errors = new PassThrough();
  const code = await runRequest(path, Request.STATISTICS, output, errors);
  output.end();
  errors.end();
  return { code, stdout: await text(output), stderr: await text(errors) };
}

describe('a request', () => {
  it('prints the answer and ends with 0', async () => {
    const path = join(directory, 'ctl');
    const server = await openControlSocket(path, (request, answer) => {
      answer.write(`${request}\n`);
    });
    expect(await ask(path)).toEqual({ code: 0, stdout: '21\n', stderr: '' });
    await server.close();
  });

  it("ends with 1 and C's words where no daemon is", async () => {
    const { code, stdout, stderr } = await ask(join(directory, 'nobody'));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^\[.{24}\] \(pid=\d+\) \[ERROR\] can't connect: is conntrackd running\? appropriate permissions\?\n$/,
    );
  });

  it('reports that a path is no name for a socket', async () => {
    const { code, stderr } = await ask(`/${'x'.repeat(200)}`);
    expect(code).toBe(1);
    expect(stderr).toContain('has 201 bytes: expected 1 to 107');
  });
});

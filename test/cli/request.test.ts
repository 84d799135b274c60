import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommit } from '../../src/cli/commit.ts';
import { runInSync } from '../../src/cli/in-sync.ts';
import { runRequest, silenceMsOf } from '../../src/cli/request.ts';
import { JSON_FORM, Request, RoleRequest } from '../../src/control/codes.ts';
import { openControlSocket } from '../../src/control/server.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'request-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function ask(path: string, silenceMs?: number) {
  const output = new PassThrough();
  const errors = new PassThrough();
  const code = await runRequest(path, Request.STATISTICS, output, errors, silenceMs);
  output.end();
  errors.end();
  return { code, stdout: await text(output), stderr: await text(errors) };
}

describe('`-s --in-sync`', () => {
  it.each([
    [
      { inSync: true, flows: 812, peers: 1, lastHeardMs: 412 },
      0,
      'in sync: 812 flows of 1 peer, heard 412 ms ago\n',
    ],
    [
      { inSync: false, reason: 'no message of a peer for 35 s' },
      1,
      'not in sync: no message of a peer for 35 s\n',
    ],
    [undefined, 1, ''],
  ])('of a daemon that answers %j ends with %i', async (replication, expected, printed) => {
    const path = join(directory, 'ctl');
    const server = await openControlSocket(path, (request, answer) => {
      expect(request).toBe(Request.STATISTICS + JSON_FORM);
      // A C node answers with nothing.
      if (replication !== undefined) answer.write(`${JSON.stringify({ replication })}\n`);
    });
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    expect(await runInSync(path, { stdout, stderr })).toBe(expected);
    stdout.end();
    expect(await text(stdout)).toBe(printed);
    await server.close();
  });
});

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

  it('ends with 1 when a daemon that is stopped or busy sends nothing for too long', async () => {
    const path = join(directory, 'ctl');
    const server = await openControlSocket(path, () => new Promise(() => {}));
    const { code, stdout, stderr } = await ask(path, 40);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/\[ERROR\] the daemon has sent nothing for 0\.04 s: is it stopped, or busy\?\n$/);
    await server.close();
  });

  it('waits as long as it takes while pieces come, and while its own reader rests', async () => {
    const path = join(directory, 'ctl');
    const server = await openControlSocket(path, async (_, answer) => {
      for (let piece = 0; piece < 8; piece++) {
        answer.write(`${piece}${' '.repeat(100_000)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
    const output = new PassThrough({ highWaterMark: 1 });
    const done = runRequest(path, Request.STATISTICS, output, new PassThrough(), 200);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const read = text(output);
    expect(await done).toBe(0);
    output.end();
    expect(await read).toHaveLength(8 * 100_001);
    await server.close();
  });

  it('gives a commit more time than the rest', () => {
    for (const request of [Request.COMMIT_CT, Request.COMMIT_ALL + JSON_FORM, RoleRequest.PRIMARY]) {
      expect(silenceMsOf(request)).toBe(600_000);
    }
    for (const request of [Request.STATISTICS, Request.KILL, Request.SEND_BULK]) {
      expect(silenceMsOf(request)).toBe(60_000);
    }
  });
});

describe('what a commit came to', () => {
  async function commit(answerText: string) {
    const path = join(directory, 'ctl');
    const server = await openControlSocket(path, (_, answer) => {
      answer.write(answerText);
    });
    const stdout = new PassThrough();
    const code = await runCommit(path, Request.COMMIT_ALL + JSON_FORM, { stdout, stderr: new PassThrough() });
    stdout.end();
    await server.close();
    return { code, stdout: await text(stdout) };
  }
  const line = (members: object) => `${JSON.stringify({ kind: 'done', takenMs: 3, ...members })}\n`;

  it.each([
    [0, line({ committed: 3, failed: 0, complete: true })],
    [1, line({ committed: 10_002, failed: 19_998, complete: true })],
    [1, line({ committed: 3, failed: 0, complete: false })],
    [1, '{"kind":"skipped","failed":0,"complete":false}\n'],
    [1, ''],
  ])('is exit code %i of `-c --json` with %s', async (code, answer) => {
    expect(await commit(answer)).toEqual({ code, stdout: answer });
  });
});

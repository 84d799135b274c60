import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askDaemon } from '../../src/control/client.ts';
import { Request } from '../../src/control/codes.ts';
import { DumpTurns } from '../../src/control/dump-turns.ts';
import { type ControlServer, openControlSocket } from '../../src/control/server.ts';

let directory: string;
let server: ControlServer;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'control-'));
  const dumps = new DumpTurns();
  server = await openControlSocket(join(directory, 'ctl'), (_, answer) => dumps.send(answer, lines(300_000)));
});

afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

function* lines(count: number): Generator<string> {
  for (let n = 0; n < count; n++) yield `${'x'.repeat(119)}\n`;
}

describe('a long dump', () => {
  it('leaves the processor to others in between', async () => {
    // What this process uses from one turn to the next, in milliseconds: others may keep the machine busy.
    const usedMs = () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    };
    let longest = 0;
    let last = usedMs();
    const timer = setInterval(() => {
      const now = usedMs();
      longest = Math.max(longest, now - last);
      last = now;
    }, 1);
    let characters = 0;
    const output = new Writable({
      write(chunk: Buffer, _encoding, done) {
        characters += chunk.length;
        done();
      },
    });
    await askDaemon(server.path, Request.DUMP_INTERNAL_CT, output);
    clearInterval(timer);
    expect(characters).toBe(300_000 * 120);
    expect(longest).toBeLessThan(100);
  });
});

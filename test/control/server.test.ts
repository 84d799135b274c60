import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import { askDaemon, requestBytes, UnreachableError } from '../../src/control/client.ts';
import { Request } from '../../src/control/codes.ts';
import { DumpTurns } from '../../src/control/dump-turns.ts';
import {
  type ControlOptions,
  type ControlServer,
  openControlSocket,
  type RequestHandler,
} from '../../src/control/server.ts';

let directory: string;
let path: string;
let server: ControlServer | undefined;
const sockets: Socket[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'control-'));
  path = join(directory, 'ctl');
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.close();
  server = undefined;
  rmSync(directory, { recursive: true, force: true });
});

async function open(handler: RequestHandler, options?: ControlOptions): Promise<ControlServer> {
  server = await openControlSocket(path, handler, options);
  return server;
}

/** Collects what is written, as slowly as wanted. */
class Collector extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void) {
    this.text += chunk.toString();
    done();
  }
}

async function ask(request: number): Promise<string> {
  const output = new Collector();
  await askDaemon(path, request, output);
  return output.text;
}

/** A client that does nothing of itself. */
async function rawClient(): Promise<Socket> {
  const socket = connect({ path });
  socket.on('error', () => {});
  sockets.push(socket);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function withResolvers() {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe('the control socket', () => {
  it('answers a request with what the handler writes', async () => {
    await open((request, answer) => {
      answer.write(`you asked ${request}\n`);
    });
    expect(await ask(Request.STATISTICS)).toBe('you asked 21\n');
  });

  it('is for its owner alone', async () => {
    await open(() => {});
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('keeps the client until the handler is done', async () => {
    const { promise: begun, resolve: begin } = withResolvers();
    const { promise: done, resolve: finish } = withResolvers();
    await open(() => {
      begin();
      return done;
    });
    let answered = false;
    const asked = ask(Request.COMMIT_CT).then(() => {
      answered = true;
    });
    await begun;
    await sleep(50);
    expect(answered).toBe(false);
    finish();
    await asked;
  });

  it('ends the answer of a handler that fails, and reports the error', async () => {
    const errors: unknown[] = [];
    await open(
      (request) => {
        if (request === Request.KILL) throw new Error('no');
        return Promise.reject(new Error('nor this'));
      },
      { onError: (error) => errors.push(error) },
    );
    expect(await ask(Request.KILL)).toBe('');
    expect(await ask(Request.STATISTICS)).toBe('');
    expect(errors.map(String)).toEqual(['Error: no', 'Error: nor this']);
  });

  it('removes what a daemon that is gone has left', async () => {
    // Node removes the name of a socket that it closes, so this one has another name by then.
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(join(directory, 'other'), resolve));
    renameSync(join(directory, 'other'), path);
    await new Promise((resolve) => gone.close(resolve));
    expect(existsSync(path)).toBe(true);
    await open((_, answer) => void answer.write('here'));
    expect(await ask(Request.STATISTICS)).toBe('here');
  });

  it('leaves a daemon that lives alone', async () => {
    await open((_, answer) => void answer.write('first'));
    await expect(openControlSocket(path, () => {})).rejects.toThrow(`another daemon answers on \`${path}'`);
    expect(await ask(Request.STATISTICS)).toBe('first');
  });

  it('does not remove a file that is no socket', async () => {
    writeFileSync(path, 'precious');
    await expect(openControlSocket(path, () => {})).rejects.toThrow('there is something else than a socket');
    expect(existsSync(path)).toBe(true);
  });

  it('names the path where it cannot be opened', async () => {
    const nowhere = join(directory, 'missing', 'ctl');
    await expect(openControlSocket(nowhere, () => {})).rejects.toThrow(nowhere);
    await expect(openControlSocket(`/tmp/${'x'.repeat(110)}`, () => {})).rejects.toThrow('expected 1 to 107');
  });

  it('is made again where its file was removed, and the clients of before get their answers', async () => {
    const reports: string[] = [];
    let release = () => {};
    await open(
      async (request, answer) => {
        if (request === Request.COMMIT_ALL) await new Promise<void>((resolve) => (release = resolve));
        answer.write('here');
      },
      { checkIntervalMs: 20, report: (text) => reports.push(text) },
    );
    const before = ask(Request.COMMIT_ALL);
    await until('the first client is served', () => server!.clients === 1);
    for (let round = 1; round <= 2; round++) {
      rmSync(path);
      await until('the file', () => existsSync(path) && reports.length === round);
      expect(reports.at(-1)).toBe(`control socket \`${path}' was gone: made it again`);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(await ask(Request.STATISTICS)).toBe('here');
    }
    release();
    expect(await before).toBe('here');
  });

  it('says once why its file cannot be made again, and makes it when it can', async () => {
    const reports: string[] = [];
    await open((_, answer) => void answer.write('here'), {
      checkIntervalMs: 20,
      report: (text) => reports.push(text),
    });
    rmSync(path);
    writeFileSync(path, 'precious');
    await until('a report', () => reports.length === 1);
    expect(reports[0]).toMatch(/there is something else than a socket; it is gone, and clients cannot reach/);
    rmSync(path);
    await until('the file', () => reports.length === 2);
    expect(reports[1]).toMatch(/made it again$/);
    expect(await ask(Request.STATISTICS)).toBe('here');
  });

  it('leaves the socket of another daemon at its place when it is closed', async () => {
    const first = await open(() => {}, { checkIntervalMs: 1_000_000 });
    rmSync(path);
    const second = await openControlSocket(path, (_, answer) => void answer.write('second'));
    await first.close();
    expect(await ask(Request.STATISTICS)).toBe('second');
    await second.close();
    expect(existsSync(path)).toBe(false);
  });

  it('is removed when it is closed, clients and all', async () => {
    const { close } = await open(() => new Promise(() => {}));
    const asked = ask(Request.STATISTICS);
    await until('the client', () => server!.clients === 1);
    await close();
    await asked;
    expect(existsSync(path)).toBe(false);
  });

  it('counts a request that it does not know, and answers nothing', async () => {
    const { counters } = await open((_, answer) => void answer.write('never'));
    expect(await ask(4711)).toBe('');
    expect(counters.unknownRequest).toBe(1);
  });

  it('takes a request in pieces, and ignores what follows it', async () => {
    await open((request, answer) => void answer.write(`${request}`));
    const client = await rawClient();
    let answer = '';
    client.on('data', (chunk) => {
      answer += chunk.toString();
    });
    const bytes = requestBytes(Request.STATISTICS);
    client.write(bytes.subarray(0, 1));
    await sleep(20);
    client.write(bytes.subarray(1));
    client.write(Buffer.alloc(100_000));
    await new Promise((resolve) => client.once('end', resolve));
    expect(answer).toBe('21');
  });

  it('answers a client that has closed its own direction', async () => {
    await open(async (_, answer) => {
      await sleep(20);
      answer.write('still here');
    });
    const client = connect({ path, allowHalfOpen: true });
    sockets.push(client);
    client.end(requestBytes(Request.STATISTICS));
    let answer = '';
    for await (const chunk of client) answer += chunk;
    expect(answer).toBe('still here');
  });

  it.each([
    ['sends nothing and goes', (client: Socket) => client.end()],
    ['sends too little and goes', (client: Socket) => client.end(Buffer.alloc(3))],
    [
      'sends too little and breaks off',
      (client: Socket) => client.write(Buffer.alloc(2), () => client.destroy()),
    ],
    ['sends nothing at all', () => {}],
  ])('gives up a client that %s', async (_, behave) => {
    const { counters } = await open(() => {}, { requestTimeoutMs: 100 });
    behave(await rawClient());
    await until('the failed read', () => counters.readFailed === 1 && server!.clients === 0);
    expect(counters.readFailed).toBe(1);
  });

  it('gives the place of a client that sends no request to one that does', async () => {
    const { counters } = await open((_, answer) => void answer.write('done'), { clients: 2, waiting: 3 });
    const idle = [];
    for (let n = 1; n <= 7; n++) {
      idle.push(await rawClient());
      await until('the idle client', () => server!.clients + counters.refused === n);
    }
    expect(counters.refused).toBe(2);
    await sleep(150);
    expect(await ask(Request.STATISTICS)).toBe('done');
    expect(counters.refused).toBe(2);
    expect(counters.readFailed).toBeGreaterThan(0);
    for (const client of idle) client.destroy();
  });

  it('lets clients wait for their turn, and refuses those beyond', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let atATime = 0;
    let most = 0;
    const { counters } = await open(
      async (_, answer) => {
        most = Math.max(most, ++atATime);
        await released;
        answer.write('done');
        atATime--;
      },
      { clients: 2, waiting: 3 },
    );
    const answers: Promise<string>[] = [];
    for (let n = 1; n <= 6; n++) {
      // Who is refused may notice it while it still sends its request.
      answers.push(ask(Request.STATISTICS).catch(() => ''));
      await until('the answer or the refusal', () => server!.clients + counters.refused === n);
    }
    expect(counters.refused).toBe(1);
    release();
    expect(await Promise.all(answers)).toEqual(['done', 'done', 'done', 'done', 'done', '']);
    expect(most).toBe(2);
  });
});

describe('a long dump', () => {
  const line = `${'x'.repeat(119)}\n`;
  function* lines(count: number, made: { count: number }) {
    for (; made.count < count; made.count++) yield line;
  }

  it('comes whole', async () => {
    await open((_, answer) => new DumpTurns().send(answer, lines(100_000, { count: 0 })));
    const answer = await ask(Request.DUMP_INTERNAL_CT);
    expect(answer.length).toBe(100_000 * line.length);
    expect(answer.endsWith(line)).toBe(true);
  });

  it('is made no faster than its client reads it', async () => {
    const made = { count: 0 };
    await open((_, answer) => new DumpTurns().send(answer, lines(1_000_000, made)));
    const client = await rawClient();
    client.pause();
    client.write(requestBytes(Request.DUMP_INTERNAL_CT));
    await until('the first line', () => made.count > 0);
    await sleep(200);
    // The socket's own buffers take some hundred kilobytes; the rest is not even made.
    expect(made.count * line.length).toBeLessThan(4_000_000);
  });

  it('ends when its client goes', async () => {
    const made = { count: 0 };
    let ended = false;
    await open(async (_, answer) => {
      await new DumpTurns().send(answer, lines(1_000_000, made));
      ended = answer.gone;
    });
    const client = await rawClient();
    client.once('data', () => client.destroy());
    client.write(requestBytes(Request.DUMP_INTERNAL_CT));
    await until('the end of the dump', () => ended && server!.clients === 0);
    expect(made.count).toBeLessThan(1_000_000);
  });

  it('gives up a client that takes nothing of it', async () => {
    const { counters } = await open(
      (_, answer) => new DumpTurns().send(answer, lines(1_000_000, { count: 0 })),
      {
        stallTimeoutMs: 100,
      },
    );
    const client = await rawClient();
    client.pause();
    client.write(requestBytes(Request.DUMP_INTERNAL_CT));
    await until('the client that stalled', () => counters.stalled === 1 && server!.clients === 0);
  });
});

describe('the client', () => {
  it('reports that no daemon is there', async () => {
    await expect(ask(Request.STATISTICS)).rejects.toThrow(UnreachableError);
  });

  it('reads no faster than its output takes it', async () => {
    const text = 'y'.repeat(5_000_000);
    await open((_, answer) => void answer.write(text));
    let most = 0;
    let size = 0;
    const slow = new Writable({
      write(chunk: Buffer, _, done) {
        most = Math.max(most, slow.writableLength);
        size += chunk.length;
        setImmediate(done);
      },
    });
    await askDaemon(path, Request.DUMP_INTERNAL_CT, slow);
    await new Promise<void>((resolve) => slow.end(resolve));
    expect(size).toBe(text.length);
    expect(most).toBeLessThan(1_000_000);
  });

  it('ends in peace when its reader has had enough', async () => {
    await open((_, answer) => void answer.write('z'.repeat(5_000_000)));
    const closing: Writable = new Writable({
      write(_, __, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    closing.on('error', () => {});
    await askDaemon(path, Request.DUMP_INTERNAL_CT, closing);
  });
});

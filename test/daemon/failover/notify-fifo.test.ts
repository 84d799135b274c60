import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeepalivedNotice } from '../../../src/daemon/failover/keepalived-line.ts';
import { FifoError, NotifyFifo } from '../../../src/daemon/failover/notify-fifo.ts';

let directory: string;
let path: string;
let fifo: NotifyFifo | undefined;
let notices: KeepalivedNotice[];
let warnings: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fifo-'));
  path = join(directory, 'notify');
  notices = [];
  warnings = [];
});

afterEach(() => {
  fifo?.close();
  fifo = undefined;
  rmSync(directory, { recursive: true, force: true });
});

function listen(): NotifyFifo {
  fifo = new NotifyFifo({
    path,
    notice: (notice) => notices.push(notice),
    warn: (text) => warnings.push(text),
  });
  return fifo;
}

/** keepalived opens it for reading and writing, without waiting. */
function write(text: string): void {
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  writeSync(fd, text);
  closeSync(fd);
}

const states = () => notices.map(({ state }) => state);
const soon = (probe: () => unknown) => expect.poll(probe, { timeout: 5000, interval: 10 });

describe("keepalived's FIFO", () => {
  it('is made for its owner alone where it is missing', () => {
    listen();
    const { mode } = statSync(path);
    expect(mode & constants.S_IFMT).toBe(constants.S_IFIFO);
    expect(mode & 0o777).toBe(0o600);
  });

  it('is read line by line, also after its writer has gone and come back', async () => {
    const { counters } = listen();
    write('INSTANCE "VI_1" BACKUP 90\nINSTANCE "VI_1" MAS');
    await soon(states).toEqual(['BACKUP']);
    write('TER 90\nINSTANCE "VI_1" MASTER_PRIORITY 100\nnonsense\n');
    await soon(states).toEqual(['BACKUP', 'MASTER']);
    await soon(() => ({ ...counters })).toEqual({ notices: 2, malformed: 1 });
  });

  it('keeps what was written before we read', async () => {
    execFileSync('mkfifo', ['-m', '600', path]);
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    writeSync(fd, 'GROUP "G1" MASTER 0\n');
    listen();
    await soon(states).toEqual(['MASTER']);
    closeSync(fd);
  });

  it('survives a flood, and a line without an end', async () => {
    const { counters } = listen();
    // Another process, which the pipe makes wait.
    const program = `
      yes xxxxxxx | head -c 2000000 | tr -d '\\n'; echo
      for n in $(seq 1000); do echo 'INSTANCE "VI_1" MASTER 100'; echo 'INSTANCE "VI_1" BACKUP 100'; done`;
    const writer = spawn('sh', ['-c', `(${program}) > "$0"`, path], { stdio: 'ignore' });
    await new Promise((resolve) => writer.once('exit', resolve));
    await soon(() => notices.length).toBe(2000);
    expect(counters).toEqual({ notices: 2000, malformed: 1 });
  });

  it('is opened anew where keepalived has removed it and made another', async () => {
    listen();
    unlinkSync(path);
    execFileSync('mkfifo', ['-m', '600', path]);
    write('INSTANCE "VI_1" FAULT 100\n');
    // Our end of the old one is not the new one's: what is written here waits.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    writeSync(fd, 'INSTANCE "VI_1" MASTER 100\n');
    await soon(() => states().includes('MASTER')).toBe(true);
    closeSync(fd);
    unlinkSync(path);
    await soon(() => statSync(path, { throwIfNoEntry: false })?.isFIFO()).toBe(true);
    write('INSTANCE "VI_1" BACKUP 100\n');
    await soon(() => states().at(-1)).toBe('BACKUP');
    expect(warnings).toEqual([]);
  });

  it.each([
    ['a file', () => writeFileSync(path, ''), /there is something else than a FIFO/],
    [
      'a FIFO that others may write to',
      () => {
        execFileSync('mkfifo', [path]);
        chmodSync(path, 0o622);
      },
      /others may write to it \(mode 0622\), expected mode 0600/,
    ],
    [
      'a link',
      () => {
        execFileSync('mkfifo', ['-m', '600', join(directory, 'other')]);
        symlinkSync(join(directory, 'other'), path);
      },
      /ELOOP/,
    ],
    [
      'in a directory that is not there',
      () => {
        path = join(directory, 'none', 'notify');
      },
      /No such file or directory \(ENOENT\)/,
    ],
  ])('is refused: %s', (_name, prepare, message) => {
    prepare();
    expect(() => listen()).toThrowError(FifoError);
    expect(() => listen()).toThrowError(message);
    expect(() => listen()).toThrowError(path);
  });

  it('warns once that it has become unusable, and goes on when it is usable again', async () => {
    listen();
    unlinkSync(path);
    writeFileSync(path, '');
    await soon(() => warnings.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(warnings).toHaveLength(1);
    unlinkSync(path);
    await soon(() => statSync(path, { throwIfNoEntry: false })?.isFIFO()).toBe(true);
    write('INSTANCE "VI_1" MASTER 100\n');
    await soon(states).toEqual(['MASTER']);
  });
});

import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Log } from '../../src/daemon/process/log.ts';
import { JSON_FORMAT } from '../../src/daemon/process/log-format.ts';
import type { Syslog } from '../../src/daemon/process/syslog.ts';

/** Lines a second that are written. */
const LINES_PER_SECOND = 200;

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-'));
  path = join(folder, 'conntrackd.log');
  vi.useFakeTimers({ now: new Date(2026, 10, 1, 9, 5, 7) });
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

function lines(file = path): string[] {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1);
}

const HEAD = `[Sun Nov  1 09:05:07 2026] (pid=${process.pid})`;

describe('Log', () => {
  it('writes notices to standard output, and warnings and errors to standard error', () => {
    const written: [string, string][] = [];
    const log = new Log((stream, line) => written.push([stream, line]), undefined, undefined);
    log.info('one');
    log.notice('two');
    log.warning('three');
    log.error('four');
    expect(written).toEqual([
      ['stdout', `${HEAD} [info] one\n`],
      ['stdout', `${HEAD} [notice] two\n`],
      ['stderr', `${HEAD} [warning] three\n`],
      ['stderr', `${HEAD} [ERROR] four\n`],
    ]);
  });

  it('appends to its file, which is for its owner alone', () => {
    for (const text of ['one', 'two']) {
      const log = new Log(undefined, path, undefined);
      log.notice(text);
      log.close();
    }
    expect(lines()).toEqual([`${HEAD} [notice] one`, `${HEAD} [notice] two`]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('writes to syslog the text alone, with its priority', () => {
    const written: [number, string][] = [];
    const syslog: Syslog = { write: (priority, text) => written.push([priority, text]) };
    const log = new Log(undefined, undefined, syslog);
    log.error('one');
    log.warning('two');
    log.notice('three');
    log.info('four');
    expect(written).toEqual([
      [3, 'one'],
      [4, 'two'],
      [5, 'three'],
      [6, 'four'],
    ]);
  });

  it('goes on in a new file after the old one was moved away', () => {
    const log = new Log(undefined, path, undefined);
    log.notice('one');
    const moved = join(folder, 'moved');
    renameSync(path, moved);
    log.notice('two');
    log.reopen();
    log.notice('three');
    log.close();
    expect(lines(moved)).toEqual([`${HEAD} [notice] one`, `${HEAD} [notice] two`]);
    expect(lines()).toEqual([`${HEAD} [notice] three`]);
  });

  it('keeps the old file where the new one cannot be opened, and names it', () => {
    const log = new Log(undefined, path, undefined);
    const moved = join(folder, '..', `moved-${process.pid}`);
    renameSync(folder, moved);
    try {
      expect(() => log.reopen()).toThrow(`can't open logfile \`${path}': ENOENT`);
      log.notice('still here');
      log.close();
      expect(lines(join(moved, 'conntrackd.log'))).toEqual([`${HEAD} [notice] still here`]);
    } finally {
      renameSync(moved, folder);
    }
  });

  it('cannot be made for a file that cannot be opened', () => {
    expect(() => new Log(undefined, join(folder, 'no', 'such'), undefined)).toThrow("can't open logfile");
  });

  it('drops what comes after it was closed', () => {
    const log = new Log(undefined, path, undefined);
    log.close();
    log.close();
    log.notice('late');
    expect(lines()).toEqual([]);
  });

  it('does not mind a full disk, and counts what it costs', () => {
    const log = new Log(undefined, '/dev/full', undefined);
    expect(() => log.notice('one')).not.toThrow();
    log.notice('two');
    expect(log.linesLost).toBe(2);
    log.close();
  });

  it('says how many lines were lost before the first line that the file takes', () => {
    const full = join(folder, 'link');
    symlinkSync('/dev/full', full);
    const log = new Log(undefined, full, undefined);
    for (const text of ['one', 'two', 'three']) log.notice(text);
    rmSync(full);
    vi.advanceTimersByTime(1000);
    log.notice('four');
    expect(lines(full)).toEqual([
      expect.stringMatching(
        /\[warning\] log file `.*link' can be written to again: 3 lines were lost \(ENOSPC: .*\)$/,
      ),
      expect.stringMatching(/\[notice\] four$/),
    ]);
    expect(log.linesLost).toBe(3);
    log.close();
  });

  it('makes its file again where that was removed', () => {
    const log = new Log(undefined, path, undefined);
    rmSync(path);
    vi.advanceTimersByTime(1000);
    log.notice('one');
    expect(lines()).toEqual([expect.stringMatching(/\[notice\] one$/)]);
    log.close();
  });

  it('waits for a directory that vanished', () => {
    const log = new Log(undefined, path, undefined);
    rmSync(folder, { recursive: true });
    vi.advanceTimersByTime(1000);
    log.notice('lost');
    expect(log.linesLost).toBe(1);
    mkdirSync(folder);
    vi.advanceTimersByTime(1000);
    expect(lines()).toEqual([expect.stringMatching(/can be written to again: 1 lines were lost/)]);
    log.close();
  });

  it('writes so many lines a second and counts the rest, on every way out', () => {
    const console: string[] = [];
    const syslog: string[] = [];
    const log = new Log((_, line) => console.push(line), path, { write: (_, text) => syslog.push(text) });
    for (let n = 0; n < LINES_PER_SECOND + 50; n++) log.error(`line ${n}`);
    expect(lines().length).toBe(LINES_PER_SECOND);
    vi.advanceTimersByTime(1000);
    log.notice('next second');
    expect(lines().slice(LINES_PER_SECOND)).toEqual([
      `${HEAD.replace(':07', ':08')} [warning] 50 log lines were left out`,
      `${HEAD.replace(':07', ':08')} [notice] next second`,
    ]);
    expect([console.length, syslog.length]).toEqual([LINES_PER_SECOND + 2, LINES_PER_SECOND + 2]);
    vi.advanceTimersByTime(1000);
    log.notice('and another');
    expect(lines().length).toBe(LINES_PER_SECOND + 3);
    log.close();
  });

  it('reports at the end how many lines it left out in the last second', () => {
    const log = new Log(undefined, path, undefined);
    for (let n = 0; n < LINES_PER_SECOND + 3; n++) log.error(`line ${n}`);
    log.close();
    expect(lines().at(-1)).toBe(`${HEAD} [warning] 3 log lines were left out`);
  });

  it('puts what a line was about on a line of its own, in the file and syslog alone', () => {
    const console: string[] = [];
    const syslog: [number, string][] = [];
    const log = new Log((_, line) => console.push(line), path, {
      write: (priority, text) => syslog.push([priority, text]),
    });
    log.error('refused', { event: 'commit_entry_failed', subject: 'tcp 6 src=10.0.0.1' });
    log.close();
    expect(lines()).toEqual([`${HEAD} [ERROR] refused`, 'Sun Nov  1 09:05:07 2026\ttcp 6 src=10.0.0.1']);
    expect(console.length).toBe(1);
    expect(syslog).toEqual([
      [3, 'refused'],
      [3, 'tcp 6 src=10.0.0.1'],
    ]);
  });

  it('leaves out what a line was about that was left out', () => {
    const log = new Log(undefined, path, undefined);
    for (let n = 0; n < LINES_PER_SECOND + 1; n++) {
      log.error(`line ${n}`, { event: 'commit_entry_failed', subject: 'subject' });
    }
    expect(lines().length).toBe(2 * LINES_PER_SECOND);
    log.close();
  });

  it('lets no name of a peer write lines of its own', () => {
    const log = new Log(undefined, path, undefined);
    log.error('refused', {
      event: 'commit_entry_failed',
      subject: 'helper=x\n[Sun] (pid=1) [notice] all is well\u001b[2J',
    });
    log.close();
    expect(lines().length).toBe(2);
    expect(lines()[1]).toContain('helper=x?[Sun] (pid=1) [notice] all is well?[2J');
  });

  describe('in JSON', () => {
    const TIME = new Date(2026, 10, 1, 9, 5, 7).toISOString();
    const base = { time: TIME, pid: process.pid, host: hostname() };
    const parse = (text: string): unknown => {
      expect(text).toMatch(/^[^\n]*\n$/);
      return JSON.parse(text);
    };

    it('writes one object a line, with the values beside the sentence', () => {
      const console: string[] = [];
      const log = new Log((_, line) => console.push(line), path, undefined, JSON_FORMAT);
      log.notice('commit has taken 1.5 s', { event: 'commit_done', committed: 7, elapsed_ms: 1500.00049 });
      log.error('no fields');
      log.close();
      const objects = [
        {
          ...base,
          level: 'notice',
          message: 'commit has taken 1.5 s',
          event: 'commit_done',
          committed: 7,
          elapsed_ms: 1500,
        },
        { ...base, level: 'error', message: 'no fields' },
      ];
      expect(console.map(parse)).toEqual(objects);
      expect(lines().map((line) => JSON.parse(line))).toEqual(objects);
    });

    it('keeps what a line is about in the same object, whatever is in it', () => {
      const console: string[] = [];
      const log = new Log((_, line) => console.push(line), path, undefined, JSON_FORMAT);
      const subject = 'helper=x\n{"level":"notice"}\u001b[2J';
      log.error('two\nlines', { event: 'commit_entry_failed', subject });
      log.close();
      const object = {
        ...base,
        level: 'error',
        message: 'two\nlines',
        event: 'commit_entry_failed',
        subject,
      };
      expect(console.map(parse)).toEqual([object]);
      expect(lines().map((line) => JSON.parse(line))).toEqual([object]);
    });

    it('gives syslog text', () => {
      const syslog: string[] = [];
      const log = new Log(undefined, undefined, { write: (_, text) => syslog.push(text) }, JSON_FORMAT);
      log.notice('commit has taken 1.5 s', { event: 'commit_done', elapsed_ms: 1500 });
      expect(syslog).toEqual(['commit has taken 1.5 s']);
    });

    it('tells what was left out and what was lost in JSON as well', () => {
      const log = new Log(undefined, path, undefined, JSON_FORMAT);
      for (let n = 0; n < LINES_PER_SECOND + 3; n++) log.error(`line ${n}`);
      log.close();
      expect(JSON.parse(lines().at(-1)!)).toMatchObject({ event: 'log_lines_left_out', lines: 3 });
    });
  });
});

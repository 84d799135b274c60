import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import { FlowLogFile } from '../../src/daemon/stats/stats-file.ts';
import { FlowLog } from '../../src/daemon/stats/stats-log.ts';

let directory: string;
let path: string;
let logged: string[];
const log = {
  notice: (text: string) => logged.push(`notice: ${text}`),
  warning: (text: string) => logged.push(`warning: ${text}`),
  error: (text: string) => logged.push(`error: ${text}`),
};

const TIME = 'Sun Nov 22 10:47:23 2026';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ctd-stats-'));
  path = join(directory, 'flows.log');
  logged = [];
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const written = (file = path) => readFileSync(file, 'latin1');

describe('the log of ended flows', () => {
  test('puts the local time and a tab before each flow', async () => {
    const flows = new FlowLog([new FlowLogFile(path, log)]);
    expect(flows.wanted).toBe(true);
    flows.add(new Date(2026, 10, 1, 9, 5, 3).getTime(), 'tcp      6 one');
    flows.add(new Date(2026, 10, 1, 9, 5, 4).getTime(), 'udp      17 two');
    await flows.close();
    expect(written()).toBe(
      'Sun Nov  1 09:05:03 2026\ttcp      6 one\nSun Nov  1 09:05:04 2026\tudp      17 two\n',
    );
  });

  test('is not wanted without a file and without syslog', async () => {
    const flows = new FlowLog([]);
    expect(flows.wanted).toBe(false);
    flows.reopen();
    await flows.close();
  });
});

describe('its file', () => {
  test('is made again where it was removed', async () => {
    const file = new FlowLogFile(path, log);
    rmSync(path);
    file.add(TIME, 'one');
    await file.close();
    expect(written()).toBe(`${TIME}\tone\n`);
    expect(file.lostLines).toBe(0);
  });

  test('has a line within a second', async () => {
    const file = new FlowLogFile(path, log);
    file.add(TIME, 'one');
    expect(written()).toBe('');
    await until('the line', () => written() === `${TIME}\tone\n`, 1000, 10);
    await file.close();
  });

  test('has all lines in order once it is closed, however many there were', async () => {
    const file = new FlowLogFile(path, log);
    let expected = '';
    for (let n = 0; n < 20_000; n++) {
      file.add(TIME, `flow ${n}`);
      expected += `${TIME}\tflow ${n}\n`;
      if (n % 5_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await file.close();
    expect(written()).toBe(expected);
    expect(file.lostLines).toBe(0);
    expect(logged).toEqual([]);
  });

  test('is appended to', async () => {
    for (const text of ['one', 'two']) {
      const file = new FlowLogFile(path, log);
      file.add(TIME, text);
      await file.close();
    }
    expect(written()).toBe(`${TIME}\tone\n${TIME}\ttwo\n`);
  });

  test('is opened again: earlier lines are in the old file, later ones in the new file', async () => {
    const file = new FlowLogFile(path, log);
    file.add(TIME, 'one');
    renameSync(path, `${path}.1`);
    file.reopen();
    file.add(TIME, 'two');
    await file.close();
    expect(written(`${path}.1`)).toBe(`${TIME}\tone\n`);
    expect(written()).toBe(`${TIME}\ttwo\n`);
  });

  test('is opened again in the middle of a write without losing a line', async () => {
    const file = new FlowLogFile(path, log);
    const lines = (name: string) => Array.from({ length: 3_000 }, (_, n) => `${name} ${n} ${'x'.repeat(50)}`);
    for (const text of lines('before')) file.add(TIME, text);
    renameSync(path, `${path}.1`);
    file.reopen();
    for (const text of lines('after')) file.add(TIME, text);
    await file.close();
    const texts = (whole: string) =>
      whole
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t')[1]);
    expect(texts(written(`${path}.1`))).toEqual(lines('before'));
    expect(texts(written())).toEqual(lines('after'));
  });

  test('stays as it was if it cannot be opened again, and logs it', async () => {
    const file = new FlowLogFile(path, log);
    renameSync(directory, `${directory}-moved`);
    try {
      file.reopen();
      file.add(TIME, 'one');
      await file.close();
      expect(written(join(`${directory}-moved`, 'flows.log'))).toBe(`${TIME}\tone\n`);
      expect(logged[0]).toMatch(/^error: stats log file .*can't open logfile .*ENOENT/);
    } finally {
      rmSync(`${directory}-moved`, { recursive: true });
    }
  });

  test('that cannot be opened is an error that names it', () => {
    expect(() => new FlowLogFile(directory, log)).toThrow(`can't open logfile \`${directory}': EISDIR`);
  });

  test('on a full disk: lines wait; those beyond the limit are counted and reported once', async () => {
    const file = new FlowLogFile('/dev/full', log, 1000);
    for (let n = 0; n < 100; n++) file.add(TIME, 'x'.repeat(74));
    expect(file.lostLines).toBe(90);
    expect(logged).toEqual(['warning: stats log file /dev/full: 1 ended flows were lost until now']);
    await until('the error', () => logged.length === 2, 2000, 10);
    expect(logged[1]).toMatch(
      /^error: stats log file \/dev\/full: ENOSPC.*: trying again, flows that end meanwhile wait/,
    );
    await file.close();
    expect(file.lostLines).toBe(100);
    expect(logged.slice(2)).toEqual([
      'warning: stats log file /dev/full: 100 ended flows were lost until now',
    ]);
  });

  test('writes what has waited when there is room again', async () => {
    // A pipe that nobody reads is full after 64 KiB, and takes more once somebody does.
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    const file = new FlowLogFile(path, log);
    const text = 'x'.repeat(1000);
    for (let n = 0; n < 100; n++) file.add(TIME, text);
    await until('the pipe is full', () => logged.length === 1, 2000, 10);
    expect(logged[0]).toMatch(/^error: .*EAGAIN/);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const buffer = Buffer.alloc(1 << 20);
    let read = 0;
    const readOn = () => {
      try {
        for (;;) read += readSync(reader, buffer);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      return read === 100 * (TIME.length + 1002);
    };
    try {
      await until('all lines', readOn, 5000, 20);
      await file.close();
      expect(file.lostLines).toBe(0);
      expect(logged.at(-1)).toBe(`notice: stats log file ${path}: can be written to again`);
    } finally {
      closeSync(reader);
    }
  });
});

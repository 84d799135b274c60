import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../sim/netns/until.ts';
import { FlowSyslog } from '../../src/daemon/stats/stats-syslog.ts';
import { AF_UNIX, libc, MSG_DONTWAIT, SOCK_DGRAM } from '../../src/system/libc.ts';
import { unixAddress } from '../../src/system/socket-address.ts';

let directory: string;
let path: string;
let logged: string[];
let closers: (() => void)[];
const log = {
  notice: (text: string) => logged.push(`notice: ${text}`),
  warning: (text: string) => logged.push(`warning: ${text}`),
  error: (text: string) => logged.push(`error: ${text}`),
};

const TIME = 'Sun Nov  1 10:47:23 2026';
const HEAD = `<30>Nov  1 10:47:23 conntrack-tools[${process.pid}]: `;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ctd-syslog-'));
  path = join(directory, 'log');
  logged = [];
  closers = [];
});

afterEach(() => {
  for (const close of closers) close();
  rmSync(directory, { recursive: true, force: true });
});

/** A syslogd that takes datagrams when it is asked to. */
function listen(): { take(): string[] } {
  const address = unixAddress(path);
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM, 0);
  libc().bind(fd, address);
  closers.push(() => libc().close(fd));
  const buffer = Buffer.alloc(8192);
  const seen: string[] = [];
  return {
    take() {
      for (;;) {
        const length = libc().receive(fd, buffer, MSG_DONTWAIT);
        if (length < 0) return seen;
        seen.push(buffer.toString('latin1', 0, length));
      }
    },
  };
}

describe('ended flows in syslog', () => {
  test('come as syslog(3) sends them: facility and LOG_INFO, time, program and process', async () => {
    const syslogd = listen();
    const daemon = new FlowSyslog('daemon', log, path);
    const local = new FlowSyslog('local3', log, path);
    daemon.add(TIME, 'tcp      6 one');
    local.add(TIME, 'two');
    await Promise.all([daemon.close(), local.close()]);
    expect(syslogd.take().sort()).toEqual([`${HEAD.replace('<30>', '<158>')}two`, `${HEAD}tcp      6 one`]);
    expect(logged).toEqual([]);
  });

  test('wait for a slow syslogd without loss', async () => {
    const syslogd = listen();
    const syslog = new FlowSyslog('daemon', log, path);
    const expected = Array.from({ length: 3_000 }, (_, n) => `${HEAD}flow ${n}`);
    for (let n = 0; n < 3_000; n++) syslog.add(TIME, `flow ${n}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await until('all of them', () => syslogd.take().length === 3_000, 10_000, 5);
    expect(syslogd.take()).toEqual(expected);
    await syslog.close();
    expect(syslog.lostLines).toBe(0);
    expect(logged).toEqual([]);
  });

  test('beyond the limit are counted and reported, and a syslogd that reads nothing does not block the daemon', async () => {
    listen();
    const syslog = new FlowSyslog('daemon', log, path, 100_000);
    const begun = performance.now();
    for (let n = 0; n < 5_000; n++) syslog.add(TIME, 'x'.repeat(200));
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(syslog.lostLines).toBeGreaterThan(4_000);
    await syslog.close();
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect(logged.at(-1)).toBe(`warning: stats syslog: ${syslog.lostLines} ended flows were lost until now`);
  });

  test('wait for a syslogd that is not there yet', async () => {
    const syslog = new FlowSyslog('daemon', log, path);
    syslog.add(TIME, 'one');
    await until('that it is missed', () => logged.length === 1);
    expect(logged[0]).toMatch(/^error: stats syslog: connect: No such file or directory \(ENOENT\)/);
    const syslogd = listen();
    await until('the line', () => syslogd.take().length === 1);
    expect(syslogd.take()).toEqual([`${HEAD}one`]);
    expect(logged[1]).toBe('notice: stats syslog: can be written to again');
    await syslog.close();
  });

  test('are lost if no syslogd appears before the end, and that is reported', async () => {
    const syslog = new FlowSyslog('daemon', log, path);
    syslog.add(TIME, 'one');
    syslog.add(TIME, 'two');
    await syslog.close();
    expect(logged.at(-1)).toBe('warning: stats syslog: 2 ended flows were lost until now');
  });

  test('go to a syslogd that listens on a stream socket, with a NUL after each', async () => {
    let text = '';
    const server: Server = createServer((socket) => {
      closers.push(() => socket.destroy());
      socket.setEncoding('latin1');
      socket.on('data', (part) => {
        text += part;
      });
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    closers.push(() => server.close());
    const syslog = new FlowSyslog('daemon', log, path);
    syslog.add(TIME, 'one');
    syslog.add(TIME, 'two');
    await until('both', () => text === `${HEAD}one\0${HEAD}two\0`);
    await syslog.close();
  });
});

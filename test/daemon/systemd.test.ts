import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { daemonEnvironment, type Environment, openSystemd } from '../../src/daemon/process/systemd.ts';
import { Errno } from '../../src/system/errno.ts';
import { AF_UNIX, libc, MSG_DONTWAIT, SOCK_DGRAM } from '../../src/system/libc.ts';
import { unixAddress } from '../../src/system/socket-address.ts';

/** A UNIX datagram socket, as systemd listens on one. */
function openReceiver(name: string): { received(): string[]; close(): void } {
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM, 0);
  libc().bind(fd, unixAddress(name));
  return {
    received() {
      const messages: string[] = [];
      for (;;) {
        const datagram = new Uint8Array(4096);
        const length = libc().receive(fd, datagram, MSG_DONTWAIT);
        if (length === -Errno.EAGAIN) return messages;
        expect(length).toBeGreaterThanOrEqual(0);
        messages.push(new TextDecoder().decode(datagram.subarray(0, length)));
      }
    },
    close: () => libc().close(fd),
  };
}

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ctd-systemd-'));
  path = join(directory, 'notify');
});

afterEach(() => rmSync(directory, { recursive: true }));

describe('the messages to systemd', () => {
  it.each(['a path', 'an abstract name'])('is one datagram a message, to %s', (kind) => {
    const name = kind === 'a path' ? path : `@ctd-${randomUUID()}`;
    const receiver = openReceiver(name);
    try {
      const systemd = openSystemd({ NOTIFY_SOCKET: name }, true);
      const troubles = [systemd.mainPid(4711), systemd.ready(), systemd.watchdog(), systemd.stopping()];
      expect(troubles).toEqual([undefined, undefined, undefined, undefined]);
      expect(receiver.received()).toEqual(['MAINPID=4711', 'READY=1', 'WATCHDOG=1', 'STOPPING=1']);
    } finally {
      receiver.close();
    }
  });

  it('is nothing where there is no NOTIFY_SOCKET, or it is empty', () => {
    for (const env of [{}, { NOTIFY_SOCKET: '' }, { NOTIFY_SOCKET: undefined }]) {
      const systemd = openSystemd(env, true);
      expect([systemd.mainPid(1), systemd.ready(), systemd.watchdog(), systemd.stopping()]).toEqual(
        new Array(4).fill(undefined),
      );
    }
  });

  it('is nothing with `Systemd off’', () => {
    const receiver = openReceiver(path);
    try {
      const systemd = openSystemd({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '2000000' }, false);
      expect([systemd.mainPid(1), systemd.ready(), systemd.stopping()]).toEqual(new Array(3).fill(undefined));
      expect(systemd.watchdogInterval).toBeUndefined();
      expect(receiver.received()).toEqual([]);
    } finally {
      receiver.close();
    }
  });

  it.each([
    ['nobody listens', () => join(directory, 'nobody'), /^cannot notify systemd \(READY=1\): .*ENOENT/],
    ['the path is too long', () => `/${'x'.repeat(200)}`, /^cannot notify systemd \(READY=1\): .*107 bytes/],
    ['it is no UNIX socket', () => 'vsock:2:1234', /NOTIFY_SOCKET is `vsock:2:1234', neither a path nor/],
  ])('is warned of once if %s', (_, name, warning) => {
    const systemd = openSystemd({ NOTIFY_SOCKET: name() }, true);
    expect(systemd.ready()).toMatch(warning);
    expect(systemd.ready()).toBeUndefined();
  });
});

describe("systemd's watchdog", () => {
  const interval = (env: Environment) => {
    const { watchdogInterval, warning } = openSystemd(env, true);
    expect(warning).toBeUndefined();
    return watchdogInterval;
  };
  const own = String(process.pid);

  it('gets a watchdog message twice as often as it asks', () => {
    expect(interval({ WATCHDOG_USEC: '60000000' })).toBe(30_000);
    expect(interval({ WATCHDOG_USEC: '3000000', WATCHDOG_PID: own })).toBe(1500);
    expect(interval({ WATCHDOG_USEC: '1' })).toBe(1);
    expect(interval({ WATCHDOG_USEC: '18446744073709551614' })).toBe(2 ** 31 - 1);
  });

  it('does not ask, or asks another process', () => {
    expect(interval({})).toBeUndefined();
    expect(interval({ WATCHDOG_PID: own })).toBeUndefined();
    expect(interval({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '1' })).toBeUndefined();
  });

  it.each(['', '0', '-1', '1.5', 'x', '1e6', '18446744073709551615', '99999999999999999999'])(
    'is warned of, in the words of C, if its interval is `%s’',
    (text) => {
      const { warning, watchdogInterval } = openSystemd({ WATCHDOG_USEC: text }, true);
      expect(warning).toBe(
        `failed to get watchdog details from systemd: Invalid argument (WATCHDOG_USEC=${text})`,
      );
      expect(watchdogInterval).toBeUndefined();
    },
  );

  it('is warned of if its process id is none', () => {
    expect(openSystemd({ WATCHDOG_USEC: '1', WATCHDOG_PID: 'me' }, true).warning).toContain(
      '(WATCHDOG_PID=me)',
    );
  });

  it('waits for the daemon where it waited for the process that starts it', () => {
    const env = { PATH: '/bin', WATCHDOG_USEC: '60000000' };
    const started = daemonEnvironment({ ...env, WATCHDOG_PID: own });
    expect(started).toEqual({ ...env, WATCHDOG_PID: undefined });
    expect(interval(started)).toBe(30_000);
    expect(daemonEnvironment({ ...env, WATCHDOG_PID: '1' })).toEqual({ ...env, WATCHDOG_PID: '1' });
    expect(daemonEnvironment(env)).toEqual(env);
  });
});

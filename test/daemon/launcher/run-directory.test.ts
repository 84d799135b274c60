import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../sim/netns/until.ts';
import { AnswerSlot } from '../../../src/daemon/launcher/answer-slot.ts';
import { isLauncherRequest, parseRequestLine } from '../../../src/daemon/launcher/request-line.ts';
import { runDirectoryBase } from '../../../src/daemon/launcher/run-directory.ts';
import { DONE, node, Place } from './launching.ts';

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place.close());

describe('the directory of a daemon', () => {
  it('is the owner’s alone, whatever the umask is, and leaves nothing behind', () => {
    const before = process.umask(0o177);
    const directory = place.makeDirectory();
    process.umask(before);
    for (let path = directory.path; path.length >= place.base.length; path = join(path, '..')) {
      expect(lstatSync(path).mode & 0o777, path).toBe(0o700);
    }
    for (const name of readdirSync(directory.path)) {
      expect(lstatSync(join(directory.path, name)).mode & 0o777, name).toBe(0o600);
    }
    expect(readdirSync(directory.path).length).toBe(19);
    directory.remove();
    expect(existsSync(place.base)).toBe(false);
  });

  it('stays when another daemon has made it anew', () => {
    const first = place.makeDirectory();
    const second = place.makeDirectory();
    first.remove();
    expect(existsSync(second.request)).toBe(true);
    second.remove();
    second.remove();
    expect(existsSync(place.base)).toBe(false);
  });

  it('lies beside those of other daemons', async () => {
    const other = join(place.makeFolder('other'), 'c.conf');
    writeFileSync(other, '');
    const servers = [place.configuration, other].map((configuration) =>
      place.serve(() => {}, { configuration }),
    );
    expect(await place.run('-c', '-C', other)).toEqual(DONE);
    servers[0]!.close();
    expect(await place.run('-c', '-C', other)).toEqual(DONE);
    servers[1]!.close();
    expect(existsSync(place.base)).toBe(false);
  });

  it('is refused where others could put something into it', () => {
    mkdirSync(place.base);
    chmodSync(place.base, 0o777);
    expect(() => place.makeDirectory()).toThrow(
      `others may write to \`${place.base}' (mode 0777), expected mode 0700`,
    );
    rmSync(place.base, { recursive: true });

    const target = place.makeFolder('target');
    const victim = join(target, place.configuration);
    mkdirSync(victim, { recursive: true });
    symlinkSync(target, place.base);
    expect(() => place.makeDirectory()).toThrow(`\`${place.base}' is no directory`);
    expect(existsSync(victim)).toBe(true);
    rmSync(place.base);

    writeFileSync(place.base, '');
    expect(() => place.makeDirectory()).toThrow(`\`${place.base}' is no directory`);
  });

  it('can be moved, or left out', () => {
    expect(runDirectoryBase({})).toBe('/var/run/conntrackd-ts');
    expect(runDirectoryBase({ CONNTRACKD_TS_RUN_DIR: '' })).toBe('/var/run/conntrackd-ts');
    expect(runDirectoryBase({ CONNTRACKD_TS_RUN_DIR: '/x' })).toBe('/x');
    expect(runDirectoryBase({ CONNTRACKD_TS_RUN_DIR: 'off' })).toBe(undefined);
  });

  it('may be removed by somebody: the daemon goes on', async () => {
    let count = 0;
    let finish = (): void => {};
    const server = place.serve(() => {
      count++;
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    const asking = place.ask('-c');
    await until('it is asking', () => count === 1);
    rmSync(place.base, { recursive: true });
    finish();
    expect(await asking).toEqual(DONE);
    expect(await place.ask('-c')).toEqual(node('-c', '-C', place.configuration));
    server.close();
  });
});

describe('an abandoned lock', () => {
  it('is freed when its client has ended and it is old', () => {
    const directory = place.makeDirectory();
    const slot = new AnswerSlot(directory.answer(1), directory.lock(1));
    const lock = directory.lock(1);
    const lockOf = (pid: string, ageSeconds: number) => {
      writeFileSync(lock, pid);
      const time = Date.now() / 1000 - ageSeconds;
      utimesSync(lock, time, time);
      slot.freeAbandoned(10_000);
      return existsSync(lock);
    };
    slot.freeAbandoned(10_000);
    // No process has the highest id that there may be, 2^22.
    expect(lockOf('4194304\n', 5)).toBe(true);
    expect(lockOf('4194304\n', 15)).toBe(false);
    expect(lockOf('', 15)).toBe(false);
    expect(lockOf(`${process.pid}\n`, 15)).toBe(true);
    slot.close();
  });
});

describe('a request line', () => {
  it.each(['', '1 2', '0 2 3', '17 2 3', '1 2 3 4', 'a 2 3', '1 2 -3', '1  2 3', '1 2 3333333'])(
    'is none: "%s"',
    (line) => {
      expect(parseRequestLine(line)).toBe(undefined);
    },
  );

  it('names slot, process and request', () => {
    expect(parseRequestLine('16 4194303 131073')).toEqual({ slot: 16, pid: 4194303, request: 131073 });
    expect([18, 20, 131073].map(isLauncherRequest)).toEqual([true, true, true]);
    expect([16, 21, 131072, 99].map(isLauncherRequest)).toEqual([false, false, false, false]);
  });

  it('that is malformed is logged, and harms nobody', async () => {
    place.serve(() => {});
    writeFileSync(join(place.base, place.configuration, 'request'), 'hello\n16 2 99\n');
    expect(await place.ask('-c')).toEqual(DONE);
    expect(place.log).toEqual([expect.stringContaining('found "hello", expected "SLOT PID REQUEST"')]);
  });
});

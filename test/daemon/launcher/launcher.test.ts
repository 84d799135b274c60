import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../sim/netns/until.ts';
import { parseArguments } from '../../../src/cli/arguments.ts';
import { silenceMsOf } from '../../../src/cli/request.ts';
import { Request, RoleRequest } from '../../../src/control/codes.ts';
import { ROLE_REQUESTS } from '../../../src/control/role.ts';
import { DONE, LAUNCHER, node, Place } from './launching.ts';

/** The shells that are installed: one of them is `sh`. */
const SHELLS = [['/bin/sh'], ['/bin/dash'], ['/bin/bash'], ['/bin/busybox', 'sh']].filter(([path]) =>
  existsSync(path!),
);

let place: Place;
let requests: number[];
beforeEach(() => {
  place = new Place();
  requests = [];
});
afterEach(() => place.close());

function serveAll(): void {
  place.serve((request, answer) => {
    requests.push(request);
    if (request > RoleRequest.SHOW) answer.write('{"kind":"entered"}\n');
  });
}

/** What is in the directory of this place's daemon. */
function locks(): string[] {
  return readdirSync(join(place.base, place.configuration)).filter((name) => name.startsWith('lock'));
}

async function untilFree(): Promise<void> {
  await until('no locks', () => locks().length === 0);
}

/** A promise, and what resolves it. */
function gate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

const COMMANDS: readonly (readonly string[])[] = [
  ...['-c', '-F', '-R'].flatMap((option) => [
    [option],
    [option, 'ct'],
    [option, 'c'],
    [option, 'expect'],
    [option, 'exp'],
  ]),
  ['-f'],
  ['-f', 'internal'],
  ['-f', 'i'],
  ['-f', 'external'],
  ['-f', 'ext'],
  ...['-B', '-k', '-n', '-t'].map((option) => [option]),
];

describe.each(SHELLS.map((shell) => ({ name: shell.join(' '), shell })))(
  'the launcher in $name',
  ({ shell }) => {
    it('asks for what the arguments say, without Node', async () => {
      serveAll();
      const expected: number[] = [];
      for (const args of COMMANDS) {
        const { action } = parseArguments(args);
        expected.push((action as { readonly request: number }).request);
        expect(await place.start([...args, '-C', place.configuration], shell).ended).toEqual(DONE);
      }
      expect(await place.start(['-C', place.configuration, '-c'], shell).ended).toEqual(DONE);
      expect(requests).toEqual([...expected, Request.COMMIT_ALL]);
      expect(new Set(expected).size).toBe(16);
    });

    it('asks for roles, and for a configuration beside it', async () => {
      serveAll();
      for (const [role, request] of Object.entries(ROLE_REQUESTS)) {
        expect(await place.start(['role', role, '-C', './c.conf'], shell).ended).toEqual(DONE);
        expect(await place.start(['role', '-C', 'c.conf', role], shell).ended).toEqual(DONE);
        expect(requests.splice(0)).toEqual([request, request]);
      }
    });

    it('starts Node for everything else, with all arguments as they are', async () => {
      serveAll();
      const others = [
        [],
        ['-d'],
        ['-s'],
        ['-i', '-x'],
        ['-h'],
        ['--version'],
        ['-c', '-f'],
        ['-c', ''],
        ['-c', 'c t'],
        ['-c ct'],
        ['-c', 'ct', 'ct'],
        ['-c', 'other'],
        ['-f', 'e x'],
        ['-c', '*'],
        ['role'],
        ['role', 'boss'],
        ['role primary'],
        ['role', 'primary', '--json'],
        ['-B', 'role'],
      ];
      for (const args of others) {
        const all = [...args, '-C', place.configuration];
        expect(await place.start(all, shell).ended).toEqual(node(...all));
      }
      for (const all of [
        ['-C', place.configuration, 'role', 'primary'],
        ['-c', '-C'],
        ['-c', '-C', ''],
        ['-c', '-C', '-C'],
        ['role', 'primary', '-C', '-x'],
      ]) {
        expect(await place.start(all, shell).ended).toEqual(node(...all));
      }
      expect(requests).toEqual([]);
    });

    it('starts Node at once where the daemon is gone', async () => {
      const args = ['-c', '-C', place.configuration];
      expect(await place.start(args, shell).ended).toEqual(node(...args));
      // What a daemon that was killed leaves behind.
      place.makeDirectory();
      expect(await place.start(args, shell).ended).toEqual(node(...args));
      expect(await place.start(args, shell).ended).toEqual(node(...args));
      serveAll();
      expect(await place.start(args, shell).ended).toEqual(DONE);
    });

    it('starts Node, which waits for a limited time, where the daemon is stopped', async () => {
      serveAll();
      const daemon = join(place.base, place.configuration, 'daemon');
      expect(readFileSync(daemon, 'utf8')).toBe(`${process.pid}\n`);
      const stopped = spawn('/bin/sleep', ['600']);
      try {
        stopped.kill('SIGSTOP');
        await until('it is stopped', () => / T /.test(readFileSync(`/proc/${stopped.pid}/stat`, 'latin1')));
        writeFileSync(daemon, `${stopped.pid}\n`);
        const asked = await place.start(['-c', '-C', place.configuration], shell).ended;
        expect(asked).toEqual(node('-c', '-C', place.configuration));
        expect([requests, locks()]).toEqual([[], []]);
      } finally {
        stopped.kill('SIGKILL');
      }
    });

    const hasLimit = spawnSync(shell[0]!, [
      ...shell.slice(1),
      '-c',
      'read -r -t 1 line </dev/null; exit $?',
    ]).status;
    // Dash has no limit, and waits.
    const limited = hasLimit === 1 ? [''] : [];
    it.each(limited)('gives up a daemon that stays silent, as Node does%s', async () => {
      let taken = 0;
      place.serve(() => {
        taken++;
        return new Promise(() => {});
      });
      const launcher = place.hasty(2);
      const asked = ['-c', 'role primary'].map(
        (words) =>
          place.start([...words.split(' '), '-C', place.configuration], shell, place.folder, launcher).ended,
      );
      for (const { code, stdout, stderr } of await Promise.all(asked)) {
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
        expect(stderr).toMatch(
          /^\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\] \(pid=\d+\) \[ERROR\] the daemon has sent nothing for 2 s: is it stopped, or busy\?\n$/,
        );
      }
      expect(taken).toBe(2);
      await untilFree();
    });

    it('takes the end of the daemon for what it is while it waits', async () => {
      let count = 0;
      const server = place.serve(() => {
        count++;
        return new Promise(() => {});
      });
      const asked = place.start(['-c', '-C', place.configuration], shell).ended;
      await until('it is asking', () => count === 1);
      server.close();
      expect(await asked).toEqual(DONE);
    });

    it('starts Node when every slot is taken, and prints nothing of its attempts', async () => {
      serveAll();
      const directory = join(place.base, place.configuration);
      for (let slot = 1; slot <= 16; slot++)
        writeFileSync(join(directory, `lock-${slot}`), `${process.pid}\n`);
      const args = ['-c', '-C', place.configuration];
      expect(await place.start(args, shell).ended).toEqual(node(...args));
      rmSync(join(directory, 'lock-16'));
      expect(await place.start(args, shell).ended).toEqual(DONE);
    });
  },
);

describe('the launcher', () => {
  it('prints the lines that Node would print, and ends with its exit code', async () => {
    place.serve(
      (request, answer) => {
        if (request === RoleRequest.PRIMARY)
          answer.write('{"kind":"incomplete","shortfall":"100% of 3 \\\\n"}\n');
        if (request === RoleRequest.BACKUP) throw new Error('no');
      },
      { warnings: ['ignoring Nice', '  two  blanks \\t'] },
    );
    const { child, ended } = place.start(['-c', '-C', place.configuration]);
    const line = (pid: number | undefined, text: string) => `(pid=${pid}) ${text}\n`;
    const { stderr, ...rest } = await ended;
    expect(rest).toEqual({ code: 0, signal: null, stdout: '' });
    expect(stderr.replace(/^\[.{24}\] /gm, '')).toBe(
      line(child.pid, '[warning] ignoring Nice') + line(child.pid, '[warning]   two  blanks \\t'),
    );
    const role = place.start(['role', 'primary', '-C', place.configuration]);
    const failed = await role.ended;
    expect(failed.code).toBe(1);
    expect(failed.stderr.replace(/^\[.{24}\] /gm, '')).toBe(
      line(role.child.pid, '[ERROR] primary: 100% of 3 \\n'),
    );
    const thrown = await place.ask('role', 'backup');
    expect(thrown).toMatchObject({ code: 1, stdout: '' });
    expect(thrown.stderr).toMatch(
      /\[ERROR\] the daemon knows no roles .*, or it ended before it answered\n$/,
    );
    expect(place.errors).toEqual([new Error('no')]);
  });

  it('is found through links, and passes the name that it was called by to Node', async () => {
    symlinkSync(new URL('../../../bin/conntrackd-ts', import.meta.url).pathname, join(place.folder, 'first'));
    symlinkSync('first', join(place.folder, 'second'));
    const shell = [join(place.folder, 'second')];
    const { ended } = place.start(
      ['-h'],
      ['/usr/bin/env', `CONNTRACKD_TS_NODE=${process.execPath}`, ...shell],
    );
    expect((await ended).stdout).toContain(`Usage: ${shell[0]} [commands] [options]`);
  });

  it('waits for the end of the request, and two at once do not disturb each other', async () => {
    const gates = [gate(), gate()];
    let count = 0;
    place.serve(() => gates[count++]!.opened);
    const [first, second] = [place.ask('-c'), place.ask('-R')];
    await until('both are asking', () => count === 2);
    gates[1]!.open();
    const winner = await Promise.race([first.then(() => 1), second.then(() => 2)]);
    const other = winner === 1 ? second : first;
    gates[0]!.open();
    expect(await Promise.all([first, second, other])).toEqual([DONE, DONE, DONE]);
    await untilFree();
  });

  it('can be started fifty times at once', async () => {
    serveAll();
    const ended = await Promise.all(Array.from({ length: 50 }, () => place.ask('-B')));
    const viaNode = ended.filter(({ code }) => code !== 0);
    for (const one of viaNode) expect(one).toEqual(node('-B', '-C', place.configuration));
    for (const one of ended) if (one.code === 0) expect(one).toEqual(DONE);
    expect(requests.length).toBe(50 - viaNode.length);
    expect(requests.length).toBeGreaterThanOrEqual(16);
    await untilFree();
    expect(place.log).toEqual([]);
  });

  it('frees its slot when it is killed, and what was for it reaches nobody else', async () => {
    const gates = [gate(), gate()];
    let count = 0;
    place.serve(() => gates[count++]!.opened);
    const killed = place.start(['-c', '-C', place.configuration]);
    await until('it is asking', () => count === 1);
    expect(locks()).toEqual(['lock-1']);
    killed.child.kill('SIGKILL');
    expect(await killed.ended).toMatchObject({ signal: 'SIGKILL' });
    await untilFree();

    const next = place.ask('-c');
    await until('the next one is asking', () => count === 2);
    expect(locks()).toEqual(['lock-1']);
    gates[0]!.open();
    const early = await Promise.race([
      next,
      new Promise((resolve) => setTimeout(() => resolve('waiting'), 100)),
    ]);
    expect(early).toBe('waiting');
    gates[1]!.open();
    expect(await next).toEqual(DONE);
    await untilFree();
  });

  it('ends with the daemon: a request that was taken counts as done, a role is left to Node', async () => {
    let count = 0;
    const server = place.serve(() => {
      count++;
      return new Promise(() => {});
    });
    const [commit, role] = [place.ask('-c'), place.ask('role', 'primary')];
    await until('both are asking', () => count === 2);
    server.close();
    expect(await commit).toEqual(DONE);
    expect(await role).toEqual(node('role', 'primary', '-C', place.configuration));
  });

  it('starts Node when the configuration file is not the one that the daemon read', async () => {
    serveAll();
    const args = ['-c', '-C', place.configuration];
    expect(await place.run(...args)).toEqual(DONE);
    for (const shift of [5, -5]) {
      const time = Date.now() / 1000 + shift;
      utimesSync(place.configuration, time, time);
      expect(await place.run(...args)).toEqual(node(...args));
    }
    rmSync(place.configuration);
    expect(await place.run(...args)).toEqual(node(...args));
    expect(requests).toEqual([Request.COMMIT_ALL]);
  });

  it('takes names of configuration files as they are', async () => {
    const names = [
      'a b',
      'a;touch x',
      '$(touch x)',
      '`touch x`',
      '\'"',
      '*',
      'a\nb',
      '%s\\n',
      '~',
      '-c',
      'é',
      '..x',
      '#',
    ];
    for (const name of names) {
      const configuration = join(place.folder, name);
      writeFileSync(configuration, '');
      const server = place.serve((request) => void requests.push(request), { configuration });
      expect(await place.run('-c', '-C', configuration), name).toEqual(DONE);
      server.close();
    }
    expect(requests.length).toBe(names.length);
    expect(readdirSync(place.folder)).not.toContain('x');
    expect(existsSync(place.base)).toBe(false);
  });

  it('goes nowhere with a path that leads upwards', async () => {
    serveAll();
    const folder = place.makeFolder('sub');
    for (const path of [`${folder}/../c.conf`, '../c.conf', '/..', '..', `${place.folder}/./c.conf`]) {
      const { ended } = place.start(['-c', '-C', path], [], folder);
      expect(await ended, path).toEqual(node('-c', '-C', path));
    }
    expect(requests).toEqual([]);
  });

  it('waits as long as Node', () => {
    const [long, short] = [...readFileSync(LAUNCHER, 'utf8').matchAll(/patience=(\d+)/g)].map(([, s]) =>
      Number(s),
    );
    for (const request of [
      Request.COMMIT_ALL,
      Request.COMMIT_CT,
      Request.COMMIT_EXPECT,
      RoleRequest.PRIMARY,
    ]) {
      expect(silenceMsOf(request)).toBe(long! * 1000);
    }
    expect(silenceMsOf(Request.SEND_BULK)).toBe(short! * 1000);
    expect(readFileSync(LAUNCHER, 'utf8')).toContain(
      `${[Request.COMMIT_ALL, Request.COMMIT_CT, Request.COMMIT_EXPECT, RoleRequest.PRIMARY].join(' | ')}) patience=`,
    );
  });

  it('names as many slots as the daemon has, and the socket’s numbers', () => {
    const text = readFileSync(new URL('../../../bin/conntrackd-ts', import.meta.url), 'utf8');
    expect(text).toContain(`for slot in ${Array.from({ length: 16 }, (_, at) => at + 1).join(' ')};`);
    expect([...text.matchAll(/request=(\d+)/g)].length).toBe(19);
  });
});

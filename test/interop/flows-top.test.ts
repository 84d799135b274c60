import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadFlows, tcpLoad } from '../../sim/netns/flows.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import type { RunningProcess } from '../../sim/netns/process.ts';
import { openScope, type Scope } from '../../sim/netns/scope.ts';
import { until } from '../../sim/netns/until.ts';
import { ourProgram } from './programs.ts';

let scope: Scope;
let host: Namespace;

beforeEach(async () => {
  scope = openScope('ftp');
  host = await createNamespace(scope, 'a');
  await loadFlows(host, tcpLoad(3_000), scope.directory);
});

afterEach(() => scope.close());

const ENTER = '\x1b[?1049h';
const LEAVE = '\x1b[?1049l';

/** `top` on a pseudo-terminal of script(1). */
interface Session {
  readonly process: RunningProcess;
  /** All that it wrote. */
  readonly written: () => string;
  /** The lines of the last whole screen. */
  readonly screen: () => string[];
  readonly shows: (pattern: RegExp) => Promise<string>;
  /** Sends keys and Enter, which means nothing where no filter is typed. */
  readonly type: (keys: string) => void;
  /** The pseudo-terminal: `/dev/pts/3`. */
  readonly device: () => string;
  /** Process id of `top` itself. */
  readonly pid: () => number;
}

async function openTop(size: string, before: string, ...words: readonly string[]): Promise<Session> {
  const file = join(scope.directory, 'screen');
  const names = join(scope.directory, 'names');
  const program = [ourProgram.command, ...ourProgram.args, 'top', ...words].join(' ');
  const command = `stty ${size}; { tty; echo $$; } > ${names}; ${before} exec ${program}`;
  const process = await host.start('script', ['-qefc', `sh -c '${command}'`, file]);
  const written = () => readFileSync(file, 'utf8');
  const screen = () => {
    // Each screen begins at the top left and ends with what clears the rest.
    const frames = written()
      .split('\x1b[H')
      .filter((frame) => frame.includes('\x1b[J'));
    return (
      (frames.at(-1) ?? '')
        .split('\x1b[J')[0]!
        // A terminal makes CR LF of the LF in our CR LF.
        .split(/\r+\n/)
        .map((line) => line.replaceAll('\x1b[K', ''))
    );
  };
  const session: Session = {
    process,
    written,
    screen,
    async shows(pattern) {
      await until(`the screen shows ${pattern}`, async () => {
        try {
          return pattern.test(screen().join('\n'));
        } catch {
          return false;
        }
      });
      return screen().join('\n');
    },
    type: (keys) => process.send(keys),
    device: () => readFileSync(names, 'utf8').split('\n')[0]!,
    pid: () => Number(readFileSync(names, 'utf8').split('\n')[1]),
  };
  return session;
}

/** Whether the terminal has its lines and its echo, and the cursor. */
async function settings(session: Session): Promise<string> {
  return host.must('stty', ['-F', session.device(), '-a']);
}

describe('top on a terminal', () => {
  test('shows the largest groups, does what keys say, and gives the terminal back', async () => {
    const session = await openTop('cols 80 rows 24', '', '--every', '1s');
    await session.shows(/10\.64\.0\.0 +1000 +33\.3%/);
    const screen = session.screen();
    expect(screen).toHaveLength(24);
    expect(screen[0]).toContain('3000 flows');
    expect(await settings(session)).toMatch(/-icanon.*-echo /s);

    session.type('g');
    await session.shows(/by dst,.*203\.0\.113\.10 +3000 +100\.0%/s);
    session.type('s');
    await session.shows(/sorted by new/);
    await host.must('conntrack', '-I -p udp -s 1.1.1.1 -d 2.2.2.2 --sport 1 --dport 2 -t 99'.split(' '));
    session.type('/udp');
    await session.shows(/filter: udp.*2\.2\.2\.2 +1 +100\.0%/s);
    session.type('/ dprt');
    await session.shows(/did you mean `dport'/);
    session.type('h');
    await session.shows(/hold the screen/);
    session.type('h ');
    await session.shows(/held/);

    session.type('q');
    expect(await session.process.ended).toEqual({ code: 0, signal: null });
    const written = session.written();
    expect(written.split(ENTER)).toHaveLength(2);
    expect(written.slice(written.indexOf(LEAVE))).not.toContain('\x1b[H');
    expect(written).toContain(`\x1b[?25h${LEAVE}`);
  });

  test('follows the size of the terminal, and styles nothing where colour is not wanted', async () => {
    const session = await openTop('cols 80 rows 24', 'NO_COLOR=1', '--every', '1s');
    await session.shows(/10\.64\.0\.0 +1000/);
    await host.must('stty', ['-F', session.device(), 'cols', '40', 'rows', '8']);
    await until('it has the new size', async () => session.screen().length === 8);
    for (const line of session.screen()) expect(line.length).toBeLessThanOrEqual(40);
    await session.shows(/10\.64\.0\.0 +1000/);
    await host.must('stty', ['-F', session.device(), 'cols', '10', 'rows', '2']);
    await until('it has the smallest size', async () => session.screen().length === 2);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what styles a line.
    expect(session.written()).not.toMatch(/\x1b\[[0-9;]*m/);
    session.type('q');
    expect(await session.process.ended).toEqual({ code: 0, signal: null });
  });

  test.each(['TERM', 'HUP', 'INT'])('gives the terminal back on SIG%s', async (signal) => {
    const session = await openTop('cols 80 rows 24', '');
    await session.shows(/10\.64\.0\.0 +1000/);
    await host.must('kill', [`-${signal}`, String(session.pid())]);
    await session.process.ended;
    expect(session.written()).toContain(`\x1b[?25h${LEAVE}`);
  });

  test('refuses where there is no terminal, and says what to add', async () => {
    const { code, stdout, stderr } = await host.run(ourProgram.command, [...ourProgram.args, 'top']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^top: there is no terminal to show it on: add --batch/);
  });
});

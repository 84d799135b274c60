import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { askNode } from '../../sim/netns/ask.ts';
import { missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { createNamespace } from '../../sim/netns/namespace.ts';
import { run } from '../../sim/netns/process.ts';
import { openScope } from '../../sim/netns/scope.ts';
import { jsonForm, Request } from '../../src/control/codes.ts';
import { mistakesIn, mistakesInLines } from '../support/schemas.ts';
import { ourProgram } from './programs.ts';

interface Line {
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly event?: string;
}

/** Each line that is there, whole. */
function parsed(text: string): Line[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

test('with [log] format = "json" every line of a run is one object as its schema says; so are the daemon\'s answers', async () => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
  await withLab({}, async (lab) => {
    const options = { program: ourProgram, settings: () => '[log]\nformat = "json"\n' };
    await lab.startNodes({ a: options, b: options });
    const connection = await lab.connect();
    await lab.replicated(connection);
    const node = lab.b.node();
    const lines = () => parsed(readFileSync(node.paths.logFile, 'utf8'));
    const line = (event: string) => lines().find((each) => each.event === event);
    const peer = { link: 'sync0', sender_address: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/) };

    await node.command('-c');
    expect(line('commit_done')).toMatchObject({
      level: 'notice',
      message: expect.stringMatching(/^commit has taken 0\.\d{6} seconds$/),
      kind: 'entries',
      failed: 0,
      elapsed_ms: expect.any(Number),
    });
    const ask = (request: number) => askNode(node.paths.controlSocket, jsonForm(request)!);
    for (const [name, request] of Object.entries(Request).filter(([each]) => each.startsWith('STATISTICS')))
      expect(mistakesIn('statistics', JSON.parse(await ask(request))), name).toEqual([]);
    for (const request of [Request.DUMP_INTERNAL_CT, Request.DUMP_EXTERNAL_CT]) {
      const flows = await ask(request);
      expect(flows).toContain('"ESTABLISHED"');
      expect(mistakesInLines('flow', flows)).toEqual([]);
    }

    await lab.a.node().kill();
    await until('the peer is silent', () => line('peer_silent') !== undefined);
    expect(line('peer_silent')).toMatchObject({ level: 'warning', silent_ms: expect.any(Number), ...peer });
    await lab.a.start(options);
    await until(
      'the peer is back',
      () => line('peer_back') !== undefined && line('peer_restarted') !== undefined,
    );
    expect(line('peer_restarted')).toMatchObject({ level: 'notice', said_hello: true, ...peer });
    await until('a bulk', () => line('bulk') !== undefined);
    expect(line('bulk')).toMatchObject({ records: expect.any(Number) });
    node.signal('SIGHUP');
    await node.command('-f', 'external');
    await node.stop();

    expect(lines().at(-1)).toMatchObject({ event: 'stopping', level: 'notice' });
    for (const each of lines()) {
      expect(each).toMatchObject({ pid: node.pid, host: hostname() });
      expect(mistakesIn('log-line', each)).toEqual([]);
      expect(new Date(each.time).toISOString()).toBe(each.time);
    }
    // What the log file has goes to the console as well.
    const console = parsed(node.log().slice(readFileSync(node.paths.logFile, 'utf8').length));
    expect(console.map(({ event }) => event)).toContain('peer_silent');
  });
}, 60_000);

test('a start that fails says why in the format of the log', async () => {
  await withLab({}, async (lab) => {
    const settings = () => '[log]\nformat = "json"\n[metrics]\nlisten = "192.0.2.1:9637"\n';
    const failure = await lab.a
      .start({ program: ourProgram, settings })
      .catch((error: Error) => error.message);
    const line = parsed(`${failure}\n`.slice(`${failure}`.indexOf('{'))).find(
      ({ event }) => event === 'start_failed',
    );
    expect(line).toMatchObject({ level: 'error', message: expect.stringContaining('192.0.2.1:9637') });
  });
});

/** What journald keeps of one line, systemd.journal-fields(7). */
interface JournalEntry {
  readonly MESSAGE: string;
  readonly PRIORITY: string;
  readonly SYSLOG_IDENTIFIER?: string;
  readonly _TRANSPORT: string;
}

const PRIORITIES: Readonly<Record<string, string>> = { error: '3', warning: '4', notice: '5', info: '6' };

/**
 * Runs a daemon from its start to its end beside a journald, both with a /run and a /dev of their own, and gives the journal.
 * @param start the shell's words that start the daemon; it has ended once they, and `-k`, are done
 */
async function journalOf(
  directory: string,
  start: string,
): Promise<{ journal: JournalEntry[]; file: Line[] }> {
  const path = (name: string) => join(directory, name);
  const configuration = path('node.conf');
  writeFileSync(
    configuration,
    `Stats { LogFile off }
General { LockFile ${path('lock')}
  LogFile ${path('log')}
  Syslog on
  UNIX { Path ${path('ctl')} }
}
`,
  );
  writeFileSync(path('node-ts.toml'), '[log]\nformat = "json"\n');
  const program = [ourProgram.command, ...ourProgram.args, '-C', configuration].join(' ');
  const script = `
    mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/journal /run/log/journal
    mount -t tmpfs tmpfs /dev
    mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/random c 1 8; mknod -m 666 /dev/urandom c 1 9
    ln -s /run/systemd/journal/dev-log /dev/log
    /lib/systemd/systemd-journald 2> /dev/null &
    until [ -S /run/systemd/journal/stdout ] && [ -S /run/systemd/journal/dev-log ]; do sleep 0.05; done
    program='${program}'
    ${start}
    until $program -s runtime > /dev/null 2>&1; do sleep 0.05; done
    $program -k
    while [ -e ${path('ctl')} ]; do sleep 0.05; done
    [ -z "$daemon" ] || wait $daemon
    journalctl --sync
    journalctl -D /run/log/journal -o json`;
  const scope = openScope('jnl');
  try {
    const host = await createNamespace(scope, 'a');
    // Not with `ip netns exec`, which hides the control groups, without which journald does not start.
    const { code, stdout, stderr } = await run('nsenter', [
      `--net=/run/netns/${host.name}`,
      ...'unshare --mount --pid --fork --kill-child --mount-proc sh -ec'.split(' '),
      script,
    ]);
    expect([code, stderr]).toEqual([0, '']);
    const journal = stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as JournalEntry);
    return { journal, file: parsed(readFileSync(path('log'), 'utf8')) };
  } finally {
    await scope.close();
  }
}

test.each([
  ['in the foreground, with its output in the journal', 'systemd-cat -t console $program & daemon=$!', true],
  ['with -d', '$program -d; daemon=', false],
])(
  'a daemon %s has JSON in its LogFile and on the console, and the same as text in syslog',
  async (_, start, hasConsole) => {
    const scope = openScope('log');
    try {
      const { journal, file } = await journalOf(scope.directory, start);
      expect(file.map(({ event }) => event)).toContain('stopping');
      for (const line of file) expect(mistakesIn('log-line', line)).toEqual([]);
      const syslog = journal.filter(({ _TRANSPORT }) => _TRANSPORT === 'syslog');
      expect(
        syslog.map(({ SYSLOG_IDENTIFIER, PRIORITY, MESSAGE }) => [SYSLOG_IDENTIFIER, PRIORITY, MESSAGE]),
      ).toEqual(file.map(({ level, message }) => ['conntrack-tools', PRIORITIES[level], message]));
      const console = journal.filter(({ SYSLOG_IDENTIFIER }) => SYSLOG_IDENTIFIER === 'console');
      const lines = console.map(({ MESSAGE }) => JSON.parse(MESSAGE) as Line);
      // What is before the log is opened goes to the console alone.
      if (hasConsole) expect(lines.slice(-file.length)).toEqual(file);
      else expect(lines).toEqual([]);
      for (const line of lines) expect(mistakesIn('log-line', line)).toEqual([]);
    } finally {
      await scope.close();
    }
  },
);

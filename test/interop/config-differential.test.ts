import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cProgramPath } from '../../sim/netns/c-program.ts';
import { ConfigError } from '../../src/config/error.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { AGREED, STRICTER } from './config-cases.ts';

// The C client reads the configuration before it looks for a daemon. So `conntrackd -C file -s` without a daemon
// shows what C makes of a file: it complains about the file, or that it cannot connect.

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-differential-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Verdict {
  readonly accepted: boolean;
  readonly warnings: readonly string[];
  readonly error: string;
}

const NO_DAEMON = "can't connect: is conntrackd running? appropriate permissions?";
// C looks for the interface while it parses; here that is the link's business.
const INTERFACE_CHECK = / is an invalid interface$/;
// C looks for it among the IPv4 networks, and so finds ::/0 after 0.0.0.0/0.
const REPEATED_IPV6_NETWORK = /^netmask \S*:\S* is repeated in the ignore pool$/;

function checkByC(text: string): Verdict {
  const file = join(folder, 'c.conf');
  writeFileSync(file, text);
  const run = spawnSync(cProgramPath(), ['-C', file, '-s'], { encoding: 'utf8', timeout: 10_000 });
  if (run.error !== undefined) throw run.error;
  const lines = run.stderr.split('\n').flatMap((line) => {
    const parts = /^\[[^\]]*\] \(pid=\d+\) \[(warning|ERROR)\] (.*)$/s.exec(line);
    return parts === null ? [] : [{ level: parts[1]!, message: parts[2]! }];
  });
  const errors = lines.filter((line) => line.level === 'ERROR').map((line) => line.message);
  const accepted = run.status === 0 || (errors.length === 1 && errors[0] === NO_DAEMON);
  if (!accepted && errors.length === 0)
    throw new Error(`conntrackd printed nothing: ${run.status} ${run.stderr}`);
  const warnings = lines
    .filter((line) => line.level === 'warning')
    .map((line) => line.message)
    .filter((message) => !INTERFACE_CHECK.test(message) && !REPEATED_IPV6_NETWORK.test(message));
  return { accepted, warnings, error: accepted ? '' : errors.join('; ') };
}

function checkByUs(text: string): Verdict {
  try {
    const { warnings } = parseConfig(text, 'test.conf');
    const messages = warnings.filter((warning) => warning.when === 'read').map((warning) => warning.message);
    return { accepted: true, warnings: messages, error: '' };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { accepted: false, warnings: [], error: error.message };
  }
}

describe('what C makes of a configuration', () => {
  it.each(AGREED.map((text) => ({ text })))('is what we make of $text', ({ text }) => {
    const c = checkByC(text);
    const ours = checkByUs(text);
    expect({ accepted: ours.accepted, by: ours.error, c: c.error }).toMatchObject({ accepted: c.accepted });
    if (c.accepted) expect(ours.warnings).toEqual(c.warnings);
  });

  it('is a verdict of both kinds in the table', () => {
    const accepted = AGREED.filter((text) => checkByUs(text).accepted).length;
    expect(accepted).toBeGreaterThan(60);
    expect(AGREED.length - accepted).toBeGreaterThan(60);
  });

  it.each(STRICTER)('is less than ours for $text, because $why', ({ text, message }) => {
    expect(checkByC(text)).toMatchObject({ accepted: true });
    expect(checkByUs(text)).toMatchObject({ accepted: false, error: message });
  });
});

// What a random text can meet of the list above.
const STRICTER_REASONS =
  /is too large for|not text|without a link|lacks an option|multicast address$|must be \[1, 65535\]|stands in an|not a valid IPv[46] address$|at most 15|inside one another|found `(?:\||\\x00|[^\0-\x7f])/u;

describe('a random piece of configuration', () => {
  const words =
    `General { } Sync Stats Helper HashSize 8192 LogFile on off /var/log/x Syslog local0 local1 daemon kern LockFile UNIX
    Path Backlog NetlinkBufferSize NetlinkOverrunResync Nice -20 Scheduler Type rr Priority 99 Filter From Userspace Kernelspace
    Protocol Address State Accept Ignore TCP UDP icmp bogus IPv4_address 10.0.0.1 10.0.0.0/8 10.0.0.0/33 IPv6_address fe80::/10
    ::1 beef ESTABLISHED CLOSED for Mode FTFW alarm NoTrack nack CommitTimeout DisableExternalCache PurgeTimeout Options
    ExpectationSync ftp sip TCPWindowTracking Multicast Group 3780 225.0.0.50 Interface veth0 e0 e0:1 a:::b 1::2::3 12/24`
      .trim()
      .split(/\s+/);
  const pieces = AGREED.filter((text) => checkByUs(text).accepted && text.trim() !== '');

  it('is accepted by both or refused by both, with the same warnings', () => {
    const edit = fc.record({
      at: fc.nat(4000),
      length: fc.nat(12),
      insert: fc.oneof(
        fc.constant(''),
        fc.constantFrom(...words),
        fc.constantFrom(' ', '\n', '#', '"', '/', ':', '.', '-'),
      ),
      spaced: fc.boolean(),
    });
    const verdicts = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 3 }),
        fc.array(edit, { maxLength: 2 }),
        (parts, edits) => {
          let text = parts.join('');
          for (const { at, length, insert, spaced } of edits) {
            const start = at % text.length;
            const piece = spaced ? ` ${insert} ` : insert;
            text = `${text.slice(0, start)}${piece}${text.slice(start + length)}\n`;
          }
          const ours = checkByUs(text);
          if (!ours.accepted && STRICTER_REASONS.test(ours.error)) return;
          const c = checkByC(text);
          expect({ accepted: ours.accepted, by: ours.error, c: c.error }).toMatchObject({
            accepted: c.accepted,
          });
          if (c.accepted) expect(ours.warnings).toEqual(c.warnings);
          verdicts[c.accepted ? 'accepted' : 'refused']++;
        },
      ),
      { numRuns: 400 },
    );
    expect(verdicts.accepted).toBeGreaterThan(20);
    expect(verdicts.refused).toBeGreaterThan(20);
  });
});

describe("Debian's example", () => {
  const examples = '/usr/share/doc/conntrackd/examples';

  it.each([
    { path: 'sync/alarm', mode: 'alarm' },
    { path: 'sync/ftfw', mode: 'ftfw' },
    { path: 'sync/notrack', mode: 'notrack' },
    { path: 'stats', mode: 'stats' },
  ])('$path is read without a warning', ({ path, mode }) => {
    const file = join(examples, path, 'conntrackd.conf');
    const text = readFileSync(file, 'utf8');
    const { config, warnings } = parseConfig(text, file);
    expect(config.mode === 'sync' ? config.sync.mode : config.mode).toBe(mode);
    expect(warnings).toEqual([]);
    expect(checkByC(text)).toMatchObject({ accepted: true, warnings: [] });
  });
});

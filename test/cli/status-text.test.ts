import { describe, expect, it } from 'vitest';
import { statusCode, statusLines } from '../../src/cli/status/status-text.ts';
import { examineOperation } from '../../src/diagnosis/checks.ts';
import type { Finding } from '../../src/diagnosis/finding.ts';
import type { DaemonFact } from '../../src/facts/daemon/daemon-fact.ts';
import type { Facts } from '../../src/facts/facts.ts';
import { HEALTHY, withSettings } from '../diagnosis/healthy.ts';
import { heard, link, NETWORK, OURS } from '../diagnosis/running.ts';

const SIZE = { columns: 80, lines: 24 };

const DAEMON: DaemonFact = {
  ...OURS,
  network: { ...NETWORK, lost: 3 },
  replication: heard(400),
  links: [link(), link({ device: 'eth2', status: 'DOWN', active: false })],
  queues: { nodes: 0, queues: [{ name: 'rsqueue', elements: 12, maximum: 131_072, noSpace: 2 }] },
  role: {
    role: 'primary',
    since: HEALTHY.clock.now - 90_000,
    source: 'keepalived',
    changing: false,
    changes: 1,
    superseded: 0,
    lastTakeoverMs: 45,
  },
};

describe('the screen of status', () => {
  it('says in a line each how role, table, counters, peer, links and caches are', () => {
    const facts: Facts = { ...HEALTHY, socket: 'listening', daemon: DAEMON };
    const lines = statusLines(facts, [], SIZE);
    expect(lines).toEqual([
      'OK: 0 problems, 0 warnings  2026-02-01 00:00:00 UTC',
      'role      primary for 90 s (keepalived), takeover took 0.045 s, up 67 min',
      'table     [..........] 0.4 %, 1000 of 262144, +2/s, 5.0 % evictable',
      'counters  drop 0, early_drop 0, insert_failed 0, invalid 0 in 5 s',
      'top       10.0.0.5 700 (70.0 %); tcp ESTABLISHED 900',
      'peer      last heard 0.4 s ago, lost 3, rsqueue 12 (2 refused)',
      'links     eth1 RUNNING*, eth2 DOWN  (* in use)',
      'caches    kernel 1000, internal 1000, external 20',
    ]);
  });

  it('says how long the peer took to acknowledge, where that was measured', () => {
    const acks = (p50Ms: number, p99Ms: number) => {
      const ackDelay = {
        sinceStart: { buckets: [], count: 9, sum: 9 },
        lastMinute: { count: 9, p50Ms, p99Ms },
      };
      const daemon = { ...DAEMON, replication: { ...heard(400), ackDelay } };
      return statusLines({ ...HEALTHY, socket: 'listening', daemon }, [], SIZE)[6];
    };
    expect(acks(412.4, 998)).toBe('acks      50 % after 412 ms, 99 % after 998 ms, in the last minute');
    expect(acks(0.81, 12)).toBe('acks      50 % after 0.8 ms, 99 % after 12 ms, in the last minute');
  });

  it('says how the flows of several active nodes come together', () => {
    const sharedFlows = {
      ...{ adopted: 812, known: 10_340, conflicts: 2, endsIgnored: 0 },
      ...{ lookedAt: 50_000, renewed: 35, restored: 1 },
    };
    const lines = statusLines(
      { ...HEALTHY, socket: 'listening', daemon: { ...DAEMON, sharedFlows } },
      [],
      SIZE,
    );
    expect(lines[6]).toBe('shared    812 from others, 2 conflicts, 35 renewed, 1 restored');
  });

  it('shows first what is worst, with what mends it', () => {
    const facts = withSettings({ 'net.netfilter.nf_conntrack_count': 250_000 });
    const lines = statusLines(facts, examineOperation(facts), SIZE);
    expect(lines[0]).toMatch(/^PROBLEM: 1 problem, 0 warnings/);
    expect(lines.join('\n')).toContain('\n\nPROBLEM connection table: 250000 of 262144 flows');
    expect(lines).toContain('  $ sysctl -w net.netfilter.nf_conntrack_max=524288');
  });

  it('fits its size, whatever there is to be said', () => {
    const finding = (n: number): Finding => ({
      check: `check ${n}`,
      level: n % 2 === 0 ? 'warning' : 'problem',
      found: 'word '.repeat(10 * n),
      advice: 'x'.repeat(200),
      ...(n % 3 === 0 && { commands: ['command '.repeat(5)] }),
    });
    const facts: Facts = { ...HEALTHY, socket: 'listening', daemon: DAEMON };
    for (let count = 1; count < 12; count++) {
      const findings = Array.from({ length: count }, (_, n) => finding(n + 1));
      for (const columns of [40, 80, 200]) {
        for (const lines of [1, 12, 24, 60]) {
          const shown = statusLines(facts, findings, { columns, lines });
          expect(shown.length).toBeLessThanOrEqual(lines);
          expect(Math.max(...shown.map(({ length }) => length))).toBeLessThanOrEqual(columns);
        }
      }
      const [shown] = statusLines(facts, findings, SIZE).slice(-1);
      if (count > 5) expect(shown).toMatch(/^and \d+ more: conntrackd-ts doctor$/);
    }
  });

  it('has the exit codes of monitoring plugins', () => {
    const finding = (level: Finding['level']): Finding => ({ check: 'x', level, found: '' });
    expect(statusCode(HEALTHY, [finding('ok'), finding('unseen')])).toBe(0);
    expect(statusCode(HEALTHY, [finding('warning')])).toBe(1);
    expect(statusCode(HEALTHY, [finding('warning'), finding('problem')])).toBe(2);
    expect(statusCode({ ...HEALTHY, ctnetlink: { kind: 'trouble', message: 'EPERM' } }, [])).toBe(3);
  });
});

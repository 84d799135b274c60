import type { CaseResult, GridReport } from '../../sim/interop/result.ts';

const setting = { mode: 'ftfw', link: 'udp' } as const;

function result(primary: string, backup: string, more: Partial<CaseResult>): CaseResult {
  return { case: 'greeting', ...setting, primary, backup, verdict: 'pass', seconds: 1.5, ...more };
}

/** What a name, a log or a path can hold that is markup somewhere. */
export const HOSTILE = `<b>&"'|*[x](y)\u0000\ud800</b>`;

/** Two nodes, two cases in two modes over one link, with every verdict. */
export const REPORT: GridReport = {
  schema: 1,
  begun: '2026-11-30T00:30:00.123Z',
  seconds: 12,
  machine: { kernel: '6.12.0', architecture: 'x64', node: 'v22.0.0' },
  nodes: [
    { name: 'c', path: '/usr/sbin/conntrackd', version: 'v1.4.7' },
    { name: 'tree', path: `/tmp/${HOSTILE}`, version: `version unknown: ${HOSTILE}` },
  ],
  cases: [
    { letter: 'G', name: 'greeting', sentence: 'both nodes hear each other' },
    { letter: 'D', name: 'direct', sentence: `no commit is needed ${HOSTILE}` },
  ],
  modes: ['ftfw', 'alarm'],
  links: ['udp'],
  results: [
    result('c', 'c', {}),
    result('c', 'c', { mode: 'alarm' }),
    result('c', 'c', { case: 'direct' }),
    result('c', 'c', {
      case: 'direct',
      mode: 'alarm',
      verdict: 'unsupported',
      reason: 'symbol: syntax error',
    }),
    result('c', 'tree', {}),
    result('c', 'tree', {
      mode: 'alarm',
      verdict: 'fail',
      reason: `no packet ${HOSTILE}`,
      evidence: '/tmp/run/c-to-tree/greeting-alarm-udp',
    }),
    result('c', 'tree', { case: 'direct', verdict: 'unsupported', reason: 'symbol: syntax error' }),
    result('c', 'tree', {
      case: 'direct',
      mode: 'alarm',
      verdict: 'unsupported',
      reason: 'symbol: syntax error',
    }),
  ],
};

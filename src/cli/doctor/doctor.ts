import type { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { DEFAULTS } from '../../config/defaults.ts';
import { CHECKS } from './checks.ts';
import type { Facts } from './facts.ts';
import type { Finding, Level } from './finding.ts';
import { gatherFacts } from './gather-facts.ts';

const USAGE = `Usage: conntrackd-ts doctor [-C FILE] [--json]
Looks for what would keep the daemon from working on this machine, or make it work badly. Changes nothing.
  -C FILE, the configuration (${DEFAULTS.configFile})
  --json, the findings as one JSON object
`;

/** The findings of all checks. */
export function examine(facts: Facts): Finding[] {
  return CHECKS.flatMap((check) => check(facts));
}

function count(findings: readonly Finding[], level: Level): number {
  return findings.filter((finding) => finding.level === level).length;
}

function counted(findings: readonly Finding[], level: Level): string {
  const number = count(findings, level);
  return `${number} ${level}${number === 1 ? '' : 's'}`;
}

/** One line a finding, what to do below it, and a last line that sums up. */
export function findingsText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  let text = '';
  for (const { check, level, found, advice } of findings) {
    text += `${level.padEnd(8)} ${check.padEnd(width)}  ${found}\n`;
    if (advice !== undefined) text += `${' '.repeat(9 + width)}  -> ${advice}\n`;
  }
  const sum = `${counted(findings, 'problem')}, ${counted(findings, 'warning')}`;
  const blind = count(findings, 'unseen');
  return `${text}\n${sum}${blind === 0 ? '' : `, ${blind} could not be looked at`}\n`;
}

/** `{"problems":0,"warnings":1,"unseen":0,"findings":[{"check":...,"level":...,"found":...,"advice":...}]}` */
export function findingsJson(findings: readonly Finding[]): string {
  const problems = count(findings, 'problem');
  const warnings = count(findings, 'warning');
  return `${JSON.stringify({ problems, warnings, unseen: count(findings, 'unseen'), findings })}\n`;
}

/** `doctor [-C FILE] [--json]`. Resolves to the exit code: 1 for wrong arguments, or if there is a problem. */
export async function runDoctor(
  args: readonly string[],
  { stdout, stderr }: { readonly stdout: Writable; readonly stderr: Writable },
): Promise<0 | 1> {
  let path: string = DEFAULTS.configFile;
  let json: boolean;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string', short: 'C' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      stdout.write(USAGE);
      return 0;
    }
    path = values.config ?? path;
    json = values.json ?? false;
  } catch (error) {
    stderr.write(`doctor: ${(error as Error).message.split('\n')[0]}\n${USAGE}`);
    return 1;
  }
  const findings = examine(await gatherFacts(path));
  stdout.write(json ? findingsJson(findings) : findingsText(findings));
  return count(findings, 'problem') > 0 ? 1 : 0;
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { RulesFact } from '../facts.ts';
import { textAt } from '../machine/look.ts';
import { parseIptablesRules } from './iptables-save.ts';
import { parseNftRules } from './nft-json.ts';
import type { Rules } from './rule-set.ts';

const TIMEOUT_MS = 3_000;
const OUTPUT_MAX_BYTES = 16 << 20;

/** The output of a program that only reads; undefined where it cannot be run. */
async function outputOf(command: string, args: readonly string[]): Promise<string | undefined> {
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      timeout: TIMEOUT_MS,
      maxBuffer: OUTPUT_MAX_BYTES,
      env: { ...process.env, PATH: path },
    });
    return stdout;
  } catch {
    return undefined;
  }
}

/** The rules for IPv4 in this network namespace; undefined where they cannot be read as a whole. */
export async function gatherRules(): Promise<Rules | undefined> {
  const text = await outputOf('nft', ['-j', 'list', 'ruleset']);
  const nft = text === undefined ? undefined : parseNftRules(text);
  if (nft !== undefined && !nft.hasIptables) return { chains: nft.chains, sourceNat: nft.sourceNat };
  const saved = await outputOf('iptables-save', []);
  if (saved === undefined) return undefined;
  const { chains, sourceNat } = parseIptablesRules(saved);
  return {
    chains: [...(nft?.chains ?? []), ...chains],
    sourceNat: [...(nft?.sourceNat ?? []), ...sourceNat],
  };
}

/** Rules of nft and of iptables-nft that make the kernel track. */
const ASKS_FOR_STATE = /\bct [a-z]|\b(snat|dnat|masquerade|redirect)\b|xt match "(conntrack|state|conn\w+)"/;

/** Whether the rules ask for a connection's state; undefined where they cannot be read. */
export async function rulesAskForState(): Promise<RulesFact> {
  const tables = ['ip', 'ip6'].map((family) => textAt(`/proc/net/${family}_tables_names`) ?? '').join('');
  if (/^nat$/m.test(tables)) return true;
  const rules = await outputOf('nft', ['list', 'ruleset']);
  if (rules === undefined) return undefined;
  if (ASKS_FOR_STATE.test(rules)) return true;
  // The rules of the older iptables are not read.
  return tables === '' ? false : undefined;
}

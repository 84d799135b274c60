import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseIptablesRules } from './iptables-save.ts';
import { parseNftRules } from './nft-json.ts';
import type { Chain } from './rule-set.ts';

const TIMEOUT_MS = 3_000;
const OUTPUT_MAX_BYTES = 16 << 20;

/** The output of a program that only reads; undefined where it cannot be run. */
export async function outputOf(command: string, args: readonly string[]): Promise<string | undefined> {
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
export async function gatherRules(): Promise<readonly Chain[] | undefined> {
  const text = await outputOf('nft', ['-j', 'list', 'ruleset']);
  const nft = text === undefined ? undefined : parseNftRules(text);
  if (nft !== undefined && !nft.hasIptables) return nft.chains;
  const saved = await outputOf('iptables-save', []);
  if (saved === undefined) return undefined;
  return [...(nft?.chains ?? []), ...parseIptablesRules(saved)];
}

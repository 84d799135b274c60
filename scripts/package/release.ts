import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ROOT } from './root.ts';

/** What is packed, by whom, and the one time that all packed files have. */
export interface Release {
  readonly version: string;
  /** Name and address, as Debian's Maintainer field has them. */
  readonly maintainer: string;
  /** Seconds since 1970. */
  readonly epochSeconds: number;
}

/**
 * The version is that of package.json. The time is SOURCE_DATE_EPOCH where that is set, else that of the last commit, so that one
 * commit always gives the same packages. DEBFULLNAME and DEBEMAIL name who packs, as for Debian's own tools.
 */
export function readRelease(env: NodeJS.ProcessEnv): Release {
  const { version } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as { version: string };
  const { SOURCE_DATE_EPOCH: given, DEBFULLNAME: name, DEBEMAIL: mail } = env;
  if (given !== undefined && !/^\d{1,10}$/.test(given)) {
    throw new Error(`SOURCE_DATE_EPOCH: found \`${given}', expected seconds since 1970`);
  }
  const epochSeconds = Number(given ?? lastCommitSeconds());
  return {
    version,
    maintainer: `${name ?? 'the authors of conntrackd-ts'} <${mail ?? 'maintainers@conntrackd-ts.invalid'}>`,
    epochSeconds,
  };
}

function lastCommitSeconds(): string {
  try {
    return execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' }).trim();
  } catch {
    throw new Error('SOURCE_DATE_EPOCH is not set, and git knows no last commit to take the time of');
  }
}

import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseConfig } from '../../config/parse.ts';
import { parseSettings } from '../../settings/parse.ts';
import { conntrackdConf } from './conntrackd-conf.ts';
import { keepalivedConf, settingsToml } from './failover-files.ts';
import type { Pair } from './pair.ts';

/** A file of one of the nodes, with its path below the directory that is written to. */
export interface NodeFile {
  readonly path: string;
  readonly text: string;
  /** Whether it may be added to a file that has comments alone. */
  readonly mayFollowComments: boolean;
}

/** The files of this node, and below `peer` those of the other one. The program itself accepts them, or this throws. */
export function pairFiles(pair: Pair): readonly NodeFile[] {
  return pair.nodes.flatMap((node) => {
    const folder = node.isPeer ? 'peer' : '';
    const configuration = conntrackdConf(pair, node);
    const settings = settingsToml(pair);
    const keepalived = keepalivedConf(pair, node);
    parseConfig(configuration, 'conntrackd.conf');
    if (settings !== undefined) parseSettings(settings, 'conntrackd-ts.toml');
    return [
      fileOf(join(folder, 'conntrackd.conf'), configuration),
      fileOf(join(folder, 'conntrackd-ts.toml'), settings, true),
      fileOf(join(folder, 'keepalived-snippet.conf'), keepalived),
    ].flat();
  });
}

function fileOf(path: string, text: string | undefined, mayFollowComments = false): readonly NodeFile[] {
  return text === undefined ? [] : [{ path, text, mayFollowComments }];
}

/** A file cannot be written because it is there already. */
export class ExistsError extends Error {}

/**
 * Writes all of the files, or none: nothing that is there is changed, but that settings are added below the comments of a file that
 * has nothing else. Returns their paths.
 * @throws ExistsError, or an error of the system
 */
export function writeFiles(directory: string, files: readonly NodeFile[]): readonly string[] {
  const written: string[] = [];
  try {
    for (const { path, text, mayFollowComments } of files.toSorted(commentsLast)) {
      const place = join(directory, path);
      mkdirSync(dirname(place), { recursive: true });
      if (mayFollowComments && hasCommentsAlone(place)) {
        appendFileSync(place, `\n${text}`);
        continue;
      }
      writeFileSync(place, text, { flag: 'wx', mode: 0o644 });
      written.push(place);
    }
  } catch (error) {
    for (const place of written) rmSync(place, { force: true });
    const { code, path, message } = error as NodeJS.ErrnoException;
    throw code === 'EEXIST'
      ? new ExistsError(`${path} exists, and is left as it is: nothing was written`)
      : new Error(message);
  }
  return files.map(({ path }) => join(directory, path));
}

/** What can be undone comes first. */
function commentsLast(a: NodeFile, b: NodeFile): number {
  return Number(a.mayFollowComments) - Number(b.mayFollowComments);
}

function hasCommentsAlone(path: string): boolean {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .every((line) => /^\s*(?:#|$)/.test(line));
  } catch {
    return false;
  }
}

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

/** The files could not be written, in one line. */
export class WriteError extends Error {}

/**
 * Writes all of the files, or none: nothing that is there is changed, but that settings are added below the comments of a file that
 * has nothing else. Returns their paths.
 * @throws WriteError
 */
export function writeFiles(directory: string, files: readonly NodeFile[]): readonly string[] {
  const places = files.map((file) => ({ ...file, place: join(directory, file.path) }));
  const isAdded = (file: NodeFile & { readonly place: string }) =>
    file.mayFollowComments && hasCommentsAlone(file.place);
  const added = places.filter(isAdded);
  const written: string[] = [];
  try {
    // What can be undone comes first.
    for (const file of places) {
      if (added.includes(file)) continue;
      mkdirSync(dirname(file.place), { recursive: true });
      writeFileSync(file.place, file.text, { flag: 'wx', mode: 0o644 });
      written.push(file.place);
    }
    for (const { place, text } of added) appendFileSync(place, `\n${text}`);
  } catch (error) {
    for (const place of written) rmSync(place, { force: true });
    const { code, path, message } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? `${path} exists, and is left as it is` : message;
    throw new WriteError(`${why}: nothing was written`);
  }
  return places.map(({ place }) => place);
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

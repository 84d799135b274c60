import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cProgramPath, missingCProgram } from '../netns/c-program.ts';
import { isProgram } from '../netns/find-program.ts';
import { javascriptProgram, launcherProgram, type Program } from '../netns/lab.ts';

/** A conntrackd that takes part, under the name that the grid shows. */
export interface NodeSpec {
  readonly name: string;
  /** What was named, as an absolute path. */
  readonly path: string;
  readonly program: Program;
}

/** The folder of the package: of the modules as written it is another number of folders up than of those in `dist`. */
function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** A name becomes part of file names and of XML. */
const NAME = /^[\w.+-]{1,40}$/;

function builtProgram(name: string, directory: string): Program {
  const launcher = join(directory, 'bin', 'conntrackd-ts');
  if (!isProgram(launcher)) {
    throw new RangeError(`--node ${name}: ${directory} is a folder without bin/conntrackd-ts`);
  }
  if (!existsSync(join(directory, 'dist', 'src', 'cli', 'main.js'))) {
    throw new RangeError(`--node ${name}: ${directory} is not built; npm run build there builds it`);
  }
  return launcherProgram(launcher);
}

function programAt(name: string, path: string): Program {
  if (!existsSync(path)) throw new RangeError(`--node ${name}: ${path} does not exist`);
  if (statSync(path).isDirectory()) return builtProgram(name, path);
  if (/\.[cm]?js$/.test(path)) return javascriptProgram(path);
  if (!isProgram(path)) throw new RangeError(`--node ${name}: ${path} is no program: it cannot be executed`);
  return { command: path, args: [] };
}

/** The grid's nodes live for seconds, which the warm-up of ours would fill. C's have no use for it. */
function withoutWarmUp(program: Program): Program {
  return { ...program, env: { ...program.env, CONNTRACKD_TS_WARM_UP: 'off' } };
}

/**
 * A node from `NAME=PATH`, where the path leads to a program, to a JavaScript file, or to a folder with a build of ours; from
 * `ours`, this build; or from `c`, the C program that `CONNTRACKD` names or PATH has.
 * @throws RangeError that names what is wrong
 */
export function nodeSpecIn(text: string): NodeSpec {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (!NAME.test(name)) {
    throw new RangeError(`--node \`${text}': a name has letters, digits and . _ + - only, 40 at most`);
  }
  if (equals >= 0) {
    const value = text.slice(equals + 1);
    if (value === '') throw new RangeError(`--node ${text}: no path behind the =`);
    const path = resolve(value);
    return { name, path, program: withoutWarmUp(programAt(name, path)) };
  }
  if (name === 'ours') {
    const path = packageFolder();
    return { name, path, program: withoutWarmUp(builtProgram(name, path)) };
  }
  if (name !== 'c') throw new RangeError(`--node ${name}: no path; ${name}=/path/to/conntrackd gives one`);
  const missing = missingCProgram();
  if (missing !== undefined) {
    throw new RangeError(`--node c: needs ${missing}; c=/path/to/conntrackd names one`);
  }
  return { name, path: cProgramPath(), program: withoutWarmUp({ command: cProgramPath(), args: [] }) };
}

/** @throws RangeError if a specification is wrong, or two have one name */
export function nodeSpecsIn(texts: readonly string[]): readonly NodeSpec[] {
  const nodes = texts.map(nodeSpecIn);
  const twice = nodes.find(({ name }, at) => nodes.findIndex((other) => other.name === name) < at);
  if (twice !== undefined) throw new RangeError(`--node ${twice.name}: two nodes have this name`);
  return nodes;
}

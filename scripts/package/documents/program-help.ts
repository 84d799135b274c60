import { Writable } from 'node:stream';
import { SUB_COMMANDS, type SubCommand } from '../../../src/cli/arguments.ts';
import { loadSubCommand } from '../../../src/cli/run.ts';
import { helpText, usageText } from '../../../src/cli/usage.ts';
import { type Help, type HelpEntry, parseHelp, parseProgramOptions, summaryOf } from './help-text.ts';

const PROGRAM = 'conntrackd-ts';

/** A sub-command with its help. */
export interface CommandHelp extends Help {
  readonly name: SubCommand;
  /** In a few words. */
  readonly summary: string;
}

/** What the program's own help says of it. */
export interface ProgramHelp {
  /** Those of C. */
  readonly options: readonly HelpEntry[];
  /** Ours: long ones. */
  readonly longOptions: readonly HelpEntry[];
  readonly commands: readonly CommandHelp[];
}

export async function readProgramHelp(): Promise<ProgramHelp> {
  const usage = usageText(PROGRAM);
  const full = helpText(PROGRAM);
  const commands: CommandHelp[] = [];
  for (const name of SUB_COMMANDS) {
    commands.push({ name, summary: summaryOf(name, full), ...parseHelp(await helpOf(name)) });
  }
  return {
    options: parseProgramOptions(usage, ''),
    longOptions: parseProgramOptions('', full.slice(usage.length)),
    commands,
  };
}

async function helpOf(name: SubCommand): Promise<string> {
  let text = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const run = await loadSubCommand(name);
  const code = await run(['--help'], { stdout, stderr: stdout } as unknown as NodeJS.Process);
  if (code !== 0) throw new Error(`${name} --help ends with ${code}: ${text}`);
  return text;
}

import type { HelpEntry } from './help-text.ts';
import type { ProgramHelp } from './program-help.ts';
import { argumentCompletion, operandCompletion } from './words.ts';

/** Completion for fish. */
export function fishCompletion({ options, longOptions, commands }: ProgramHelp): string {
  const names = commands.map(({ name }) => name).join(' ');
  const lines = [
    '# Completion of conntrackd-ts for fish, made from its help.',
    'complete -c conntrackd-ts -f',
    ...commands.map(
      ({ name, summary }) =>
        `complete -c conntrackd-ts -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ),
    ...[...options, ...longOptions].map((option) =>
      optionLine(`not __fish_seen_subcommand_from ${names}`, option),
    ),
  ];
  for (const command of commands) {
    const condition = `__fish_seen_subcommand_from ${command.name}`;
    const operands = operandCompletion(command);
    if (operands === 'path') lines.push(`complete -c conntrackd-ts -n ${quoted(condition)} -F`);
    else if (operands !== 'none') {
      lines.push(`complete -c conntrackd-ts -n ${quoted(condition)} -a ${quoted(operands.join(' '))}`);
    }
    lines.push(...command.options.map((option) => optionLine(condition, option)));
  }
  return `${lines.join('\n')}\n`;
}

function optionLine(condition: string, option: HelpEntry): string {
  const completion = argumentCompletion(option);
  const name = option.name.startsWith('--') ? `-l ${option.name.slice(2)}` : `-s ${option.name.slice(1)}`;
  let line = `complete -c conntrackd-ts -n ${quoted(condition)} ${name} -d ${quoted(option.help)}`;
  // An argument that may be missing is a word of its own, which -x would ask for.
  if (completion === 'path') line += ' -r -F';
  else if (completion === 'none') line += ' -x';
  else if (completion !== undefined) {
    line += `${option.argument.startsWith('[') ? '' : ' -x'} -a ${quoted(completion.join(' '))}`;
  }
  return line;
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}

import type { HelpEntry } from './help-text.ts';
import type { ProgramHelp } from './program-help.ts';
import { argumentCompletion, type Completion, operandCompletion } from './words.ts';

/** Completion for zsh, in the form of its own function _arguments. */
export function zshCompletion({ options, longOptions, commands }: ProgramHelp): string {
  const described = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = commands.map((command) => {
    const specs = command.options.map(optionSpec);
    const operands = action(operandCompletion(command));
    if (operands !== '') specs.push(quoted(`*:word:${operands}`));
    return `    ${command.name})
      _arguments ${specs.length === 0 ? "'*:'" : `\\\n        ${specs.join(' \\\n        ')}`}
      ;;
`;
  });
  const specs = [...options, ...longOptions].map(optionSpec);
  return `#compdef conntrackd-ts
# Completion of conntrackd-ts for zsh, made from its help.

_conntrackd-ts() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe command commands
    return
  fi
  local command=$words[2]
  if [[ $command == -* ]]; then
    _arguments \\
      ${specs.join(' \\\n      ')}
    return
  fi
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('')}  esac
}

_conntrackd-ts "$@"
`;
}

function optionSpec(option: HelpEntry): string {
  const { name, help, argument } = option;
  const completion = argumentCompletion(option);
  const help1 = help.replace(/[[\]\\:]/g, '\\$&');
  if (completion === undefined) return quoted(`${name}[${help1}]`);
  // Two colons: the argument may be missing.
  const colon = argument.startsWith('[') && completion !== 'path' ? '::' : ':';
  return quoted(`${name}[${help1}]${colon}argument:${action(completion)}`);
}

function action(completion: Completion): string {
  if (completion === 'path') return '_files';
  return completion === 'none' ? '' : `(${completion.join(' ')})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

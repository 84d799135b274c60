import type { HelpEntry } from './help-text.ts';
import type { ProgramHelp } from './program-help.ts';
import { argumentCompletion, type Completion, operandCompletion } from './words.ts';

/** Completion for bash, by its builtins alone: it needs no bash-completion. */
export function bashCompletion({ options, longOptions, commands }: ProgramHelp): string {
  const all = [...options, ...longOptions];
  const first = [...commands, ...all].map(({ name }) => name);
  const cases = commands.map((command) => {
    const words = operand(
      operandCompletion(command),
      command.options.map(({ name }) => name),
    );
    return `    ${command.name})
${argumentCase(command.options)}${words === '' ? '' : `      _conntrackd_ts_offer ${words}\n`}      return
      ;;
`;
  });
  return `# Completion of conntrackd-ts for bash, made from its help.

# What begins as the current word does: the words, and with \`path' as the first one also paths.
_conntrackd_ts_offer() {
  local paths=
  if [ "\${1-}" = path ]; then
    paths=yes
    shift
  fi
  mapfile -t COMPREPLY < <(compgen -W "$*" -- "\${COMP_WORDS[COMP_CWORD]}")
  if [ -n "$paths" ]; then
    compopt -o filenames
    mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
  fi
}

_conntrackd_ts() {
  local previous=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    _conntrackd_ts_offer ${first.join(' ')}
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('')}  esac
${argumentCase(all).replace(/^ {6}/gm, '  ')}  _conntrackd_ts_offer ${all.map(({ name }) => name).join(' ')}
}

complete -F _conntrackd_ts conntrackd-ts
`;
}

/** Completes the argument of the option before the current word, where it takes one. */
function argumentCase(options: readonly HelpEntry[]): string {
  const arms = options.flatMap((option) => {
    const completion = argumentCompletion(option);
    if (completion === undefined) return [];
    // What an option may go without leaves the way open for the next one.
    const others =
      option.argument.startsWith('[') && completion !== 'path' ? options.map(({ name }) => name) : [];
    return `        ${option.name})
          ${completion === 'none' ? 'return' : `_conntrackd_ts_offer ${operand(completion, others)}`}
          return
          ;;
`;
  });
  if (arms.length === 0) return '';
  return `      case $previous in
${arms.join('').replaceAll('          return\n          return\n', '          return\n')}      esac
`;
}

function operand(completion: Completion, more: readonly string[]): string {
  const words = completion === 'path' ? ['path'] : completion === 'none' ? [] : completion;
  return [...words, ...more].join(' ');
}

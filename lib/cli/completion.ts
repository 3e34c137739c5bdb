import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The words that can follow a command. */
interface CommandWords {
  /** For example `operation list`; empty for the program itself. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly description: string }[];
}

/** A script that completes commands and options in this shell. The script never calls the API. */
export function completionScript(shell: Shell, program: Command): string {
  const allCommandWords = commandWordsOf(program, '');
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](allCommandWords);
}

function commandWordsOf(command: Command, path: string): CommandWords[] {
  const help = command.createHelp();
  const commands = command.commands.filter((one) => one.name() !== 'help');
  const options = help.visibleOptions(command);
  const words = [
    ...commands.map((one) => ({ word: one.name(), description: one.description() })),
    ...options.map(({ long, short, description }) => ({
      word: long ?? short ?? '',
      description,
    })),
  ];
  const wordsOfSubcommands = commands.flatMap((one) =>
    commandWordsOf(one, `${path} ${one.name()}`.trim()),
  );
  return [{ path, words }, ...wordsOfSubcommands];
}

const wordList = ({ words }: CommandWords): string => words.map(({ word }) => word).join(' ');

/**
 * The script finds the longest command at the start of the line, and completes with the words that
 * can follow it. It skips the arguments of the command.
 */
const bashScript = (allCommandWords: readonly CommandWords[]): string => `_propagator() {
  local word path="" candidate words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    candidate="\${path:+$path }$word"
    case "$candidate" in
      ${allCommandWords
        .filter(({ path }) => path !== '')
        .map(({ path }) => `"${path}"`)
        .join(' | ')}) path="$candidate" ;;
    esac
  done
  case "$path" in
${allCommandWords.map((node) => `    "${node.path}") words="${wordList(node)}" ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _propagator propagator
`;

/** zsh can run bash completions. */
const zshScript = (allCommandWords: readonly CommandWords[]): string => `#compdef propagator
autoload -U +X bashcompinit && bashcompinit
${bashScript(allCommandWords)}`;

const fishScript = (allCommandWords: readonly CommandWords[]): string =>
  `function __propagator_path
  set -l path
  for word in (commandline -opc)[2..-1]
    set -l candidate (string join ' ' $path $word)
    contains -- $candidate ${allCommandWords
      .filter(({ path }) => path !== '')
      .map(({ path }) => `'${path}'`)
      .join(' ')}; and set path $candidate
  end
  echo $path
end
complete -c propagator -f
${allCommandWords
  .flatMap(({ path, words }) =>
    words.map(
      ({ word, description }) =>
        `complete -c propagator -n 'test (__propagator_path) = "${path}"' -a '${word}' -d ` +
        `'${description.replaceAll("'", '').slice(0, 60)}'`,
    ),
  )
  .join('\n')}
`;

import { visible } from './format.ts';

/** A word of a command line, in quotes if a shell would interpret it. */
export const quoted = (word: string): string =>
  /^[\w.:@/+-]+$/.test(word) ? word : `'${visible(word).replaceAll("'", `'\\''`)}'`;

/** A command line of fixed words and values. Each value is quoted, so that it stays one word. */
export const command = (fixed: string, ...values: readonly string[]): string =>
  ['propagator', fixed, ...values.map(quoted)].join(' ');

export const REASON_OPTION = '--reason "…"';

/**
 * The commands that a text of the API may offer to copy. A text may quote a name that a customer
 * chose. The list therefore has no command that deletes an account, approves a plan, ends a
 * protection or discards a message.
 */
const OFFERED_COMMANDS = new Set(
  [
    'operation release|cancel|rerun|show|watch|list',
    'dead-letter redrive|list|show',
    'hold list',
    'suspicious list',
    'project plan|resume|suspend',
    'waiver add|list',
    'service list',
    'quarantine list',
  ].flatMap((one) => {
    const [noun = '', verbs = ''] = one.split(' ');
    return verbs.split('|').map((verb) => `${noun} ${verb}`);
  }),
);
const OFFERED_ONE_WORD_COMMANDS: readonly string[] = ['resume-all', 'status'];
/** A word without a character that a shell interprets, or an ellipsis in quotes. */
const WORD = /^(?:[\w.:@/+=-]*[\w@/+=-]|"…")(?=[\s.,;`)]|$)/;

/**
 * Returns the commands that the console offers to copy from an `advice` text. A command ends before
 * the first word with a character that a shell interprets.
 */
export function commandsIn(advice: string): string[] {
  const commands = [...advice.matchAll(/\bpropagator /g)]
    .map(({ index }) => wordsAtStart(advice.slice(index)))
    .filter(isOffered)
    .map((words) => words.join(' '));
  return [...new Set(commands)];
}

const isOffered = ([, noun = '', verb = '']: readonly string[]): boolean =>
  OFFERED_ONE_WORD_COMMANDS.includes(noun) || OFFERED_COMMANDS.has(`${noun} ${verb}`);

function wordsAtStart(text: string): string[] {
  const words: string[] = [];
  let remainingText = text;
  for (;;) {
    const word = WORD.exec(remainingText)?.[0];
    if (word === undefined) return words;
    words.push(word);
    remainingText = remainingText.slice(word.length);
    const gap = /^ +/.exec(remainingText)?.[0];
    if (gap === undefined) return words;
    remainingText = remainingText.slice(gap.length);
  }
}

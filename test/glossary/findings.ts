import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { EXCEPTIONS } from './exceptions.ts';
import { type Phrase, phrasesOf, textsOf, wordsOf } from './scan.ts';
import { REPLACED } from './words.ts';

const FOLDERS = [
  'lib',
  'functions',
  'infra',
  'events',
  'console',
  'test',
  'bench',
  'localstack',
  'examples',
];
const PAGES = ['docs', 'README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'];

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly word: string;
  readonly use: string;
}

/** Every replaced word in the names, texts and file names of the files that git tracks. */
export function findings(): Finding[] {
  const listed = execFileSync('git', ['ls-files', ...FOLDERS, ...PAGES], { encoding: 'utf8' });
  return listed
    .split('\n')
    .filter((path) => path.endsWith('.ts') || path.endsWith('.md'))
    .flatMap((path) => findingsIn(path, readFileSync(path, 'utf8')));
}

/** The replaced words of one file, without its exceptions. */
export function findingsIn(path: string, source: string): Finding[] {
  const name: Phrase = { line: 0, isName: true, text: wordsOf(path.replace(/\.\w+$/, '')) };
  const phrases = [name, ...(path.endsWith('.md') ? textsOf(source) : phrasesOf(source))];
  const allowed = EXCEPTIONS.filter(({ paths }) => paths.test(path));
  return phrases
    .filter(({ text }) => !allowed.some(({ phrase }) => phrase.test(text)))
    .flatMap(({ text, line, isName }) =>
      REPLACED.flatMap(({ names, texts, use }) => {
        const word = (isName ? names : texts)?.exec(text)?.[0];
        return word === undefined ? [] : [{ path, line, word, use }];
      }),
    );
}

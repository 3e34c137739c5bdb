import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const MAX_WIDTH = 100;

/** The formatter wraps code. It does not wrap comments and texts, so this test finds long ones. */
const tooWide = (source: string): number[] =>
  source.split('\n').flatMap((line, index) => ([...line].length > MAX_WIDTH ? [index + 1] : []));

const sources = execFileSync(
  'git',
  ['ls-files', 'console', 'functions', 'lib', 'events', 'infra'],
  {
    encoding: 'utf8',
  },
)
  .split('\n')
  .filter((path) => path.endsWith('.ts'));

describe('the lines of console, functions, lib, events and infra', () => {
  it(`have at most ${MAX_WIDTH} characters`, () => {
    const found = sources.flatMap((path) =>
      tooWide(readFileSync(path, 'utf8')).map((line) => `${path}:${line}`),
    );
    expect(found).toEqual([]);
  });

  it.each([
    ['100 characters', 'x'.repeat(100), []],
    ['101 characters', `short\n${'x'.repeat(101)}`, [2]],
    ['characters of several bytes', '…'.repeat(100), []],
  ])('are measured: %s', (_, source, lines) => {
    expect(tooWide(source)).toEqual(lines);
  });
});

import { existsSync, readFileSync } from 'node:fs';

const PAGES = [
  'docs/safety-rules.md',
  'docs/architecture.md',
  'docs/limits.md',
  'docs/console.md',
  'CONTRIBUTING.md',
];
const FOLDERS = 'lib|test|console|functions|events|infra|bench|examples|docs|localstack';

/** Paths in backticks that name one file or folder; a page may use a name with `…` as a pattern. */
const pathsOf = (page: string): string[] =>
  [...readFileSync(page, 'utf8').matchAll(new RegExp(`\`((?:${FOLDERS})/[\\w./-]*)\``, 'g'))].map(
    ([, path = '']) => path,
  );

describe.each(PAGES)('%s', (page) => {
  // CONTRIBUTING.md shows the files of a service that does not exist yet.
  it('names files and folders that exist', () => {
    expect(pathsOf(page).filter((path) => !existsSync(path) && !path.includes('vitrage'))).toEqual(
      [],
    );
  });
});

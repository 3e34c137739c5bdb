import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PAGES = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'localstack/*.md']);

/** Headings as the anchors that GitHub makes of them. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

const links = PAGES.flatMap((page) => {
  const text = readFileSync(page, 'utf8').replace(/```[\s\S]*?```/g, '');
  return [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(
    ([, link = '']): [string, string] => [page, link],
  );
});

describe('the links of the documentation', () => {
  it('are found', () => {
    expect(links.length).toBeGreaterThan(50);
  });

  it('lead to a file, and to a heading of it', () => {
    const broken = links.filter(([page, link]) => {
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(file)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).includes(anchor);
    });
    expect(broken).toEqual([]);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { SERVICES } from '../../../lib/services/index.ts';
import { FOLDER, pages } from '../../docs/pages.ts';

/** The pages that `npm run docs` would write now. */
const expectedPages = await pages(SERVICES);

describe('the pages of the services', () => {
  it('exist for each service, with an overview', () => {
    expect(readdirSync(FOLDER).sort()).toEqual([...expectedPages.keys()].sort());
  });

  it.each([...expectedPages.keys()])(
    '%s is up to date with the service files: otherwise run "npm run docs"',
    (file) => {
      expect(readFileSync(`${FOLDER}/${file}`, 'utf8')).toBe(expectedPages.get(file));
    },
  );
});

import { readFileSync } from 'node:fs';
import { costTables } from '../../../../bench/cost.ts';
import { withTables } from '../../../docs/markdown.ts';

const tables = await costTables();
const page = readFileSync(new URL('../../../../docs/aws.md', import.meta.url), 'utf8');

describe('what docs/aws.md says that it costs', () => {
  it.each(tables)('is what "node bench/cost.ts" reckons now: %.40s', (table) => {
    expect(page).toContain(table);
  });

  it('is written anew by "npm run docs", and nothing else of the page', () => {
    expect(
      withTables(
        page.replace(/^\| alarms \|.*$/m, '| bells | 1 | 0.10 |\n| whistles | 1 | 0.10 |'),
        tables,
      ),
    ).toBe(page);
    expect(() => withTables('# On AWS', tables)).toThrow(
      'there is no table that begins with | for 1,000 deleted projects',
    );
  });
});

import { readFileSync } from 'node:fs';
import { costTables } from '../../../../bench/cost.ts';
import { withTables } from '../../../docs/markdown.ts';

const tables = await costTables();
const page = readFileSync(new URL('../../../../docs/aws.md', import.meta.url), 'utf8');

describe('the cost tables of docs/aws.md', () => {
  it.each(tables)('match the output of "node bench/cost.ts": %.40s', (table) => {
    expect(page).toContain(table);
  });

  it('are the only part of the page that "npm run docs" writes', () => {
    expect(
      withTables(
        page.replace(/^\| alarms \|.*$/m, '| old row | 1 | 0.10 |\n| other row | 1 | 0.10 |'),
        tables,
      ),
    ).toBe(page);
    expect(() => withTables('# On AWS', tables)).toThrow(
      'there is no table that begins with | for 1,000 deleted projects',
    );
  });
});

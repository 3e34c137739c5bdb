import { readFileSync } from 'node:fs';
import { costTables } from '../../../bench/cost.ts';

const tables = await costTables();
const page = readFileSync(new URL('../../../docs/aws.md', import.meta.url), 'utf8');

describe('what docs/aws.md says that it costs', () => {
  it.each(tables)('is what "node bench/cost.ts" reckons now: %.40s', (table) => {
    expect(page).toContain(table);
  });
});

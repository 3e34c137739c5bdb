import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { ServiceEvent } from '../../../events/service.ts';
import { redactDeep } from '../../../lib/shared/redaction.ts';
import { IdFilter } from '../../../lib/task/id-filter.ts';

const ids = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 120 });

describe('the filter of the ids that a task has listed', () => {
  it('has every added id after a report was redacted and stored', async () => {
    await fc.assert(
      fc.asyncProperty(ids, async (added) => {
        const filter = IdFilter.from(undefined);
        for (const id of added) filter.add(id);
        const { seenIds } = redactDeep({ seenIds: filter.toString() });
        const stored = IdFilter.from(seenIds);
        expect(added.filter((id) => !stored.has(id))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it('fits into the report of a run', () => {
    const sample = new URL('../../../events/samples/service.finished.json', import.meta.url);
    const { data, ...report } = JSON.parse(readFileSync(sample, 'utf8'));
    const seenIds = IdFilter.from(undefined).toString();
    expect(ServiceEvent.parse({ ...report, data: { ...data, seenIds } })).toMatchObject({
      data: { seenIds },
    });
  });

  it('is empty for a text that is not a stored filter', () => {
    expect(IdFilter.from('[redacted]').has('id')).toBe(false);
  });
});

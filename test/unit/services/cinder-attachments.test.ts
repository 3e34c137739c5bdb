import { attachmentsOf } from '../../../lib/services/cinder/rows.ts';
import type { ServiceApi } from '../../../lib/task/context.ts';
import { projectContext } from './project-context.ts';

/** Returns the ids of all listed attachments. `pageAfter` returns the ids after a marker. */
async function listedIds(pageAfter: (marker: string) => readonly string[]): Promise<string[]> {
  const api = {
    region: 'one',
    async list(_path: string, { query }: { query: { marker?: string } }) {
      const ids = pageAfter(query.marker ?? 'start');
      return { rows: ids.map((id) => ({ id, volume_id: 'volume-1' })), hasMore: false };
    },
  } as unknown as ServiceApi;
  return (await attachmentsOf(projectContext(api, 'p1'))).map(({ id }) => id);
}

describe('the list of attachments of Cinder', () => {
  it('ends only with an empty page', async () => {
    const pages: Record<string, string[]> = { start: ['a', 'b'], b: ['c'], c: [] };
    expect(await listedIds((marker) => pages[marker] ?? [])).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['every page is the first one', () => ['a', 'b']],
    [
      'a later page contains a row of an earlier page',
      (marker: string) => ({ start: ['a', 'b'], b: ['a', 'c'] })[marker] ?? [],
    ],
  ])('is not trusted if %s', async (_because, pageAfter) => {
    await expect(listedIds(pageAfter)).rejects.toMatchObject({
      report: { code: 'cinder.attachments.endless', class: 'Unexpected', region: 'one' },
    });
  });
});

import { ProjectId } from '../../../events/ids.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { defineService, defineType } from '../../../lib/task/service.ts';
import { reachOf } from './context.ts';

const PROJECT = ProjectId.parse('target');

/** A shelf whose books can't be listed for the reason with this code, beside an empty one. */
function clean(code: string) {
  const book = defineType<string>({
    name: 'book',
    list: () =>
      Promise.reject(
        new PropagatorError({
          code,
          class: 'Unsupported',
          message: 'this library shows its books to readers only',
          advice: 'Read.',
        }),
      ),
    id: (id) => id,
    owner: () => PROJECT,
    remove: () => Promise.reject(new Error('never')),
  });
  const board = defineType<string>({
    name: 'board',
    list: async () => [],
    id: (id) => id,
    owner: () => PROJECT,
    remove: async () => ({ is: 'gone' }),
  });
  const service = defineService({
    name: 'shelf',
    catalogTypes: ['shelf'],
    resourceTypes: [book, board],
  });
  const confirmation = Confirmation.of(PROJECT, [0, 9], 1);
  return runProjectCleanup({
    service,
    context: reachOf(),
    phase: 'apply',
    confirmation,
    deadline: 60_000,
  });
}

describe('a resource type that this release shows to nobody', () => {
  it('is out of reach, and said; it is not empty', async () => {
    const report = await clean('shelf.book.hidden');
    expect(report.outcome).toEqual({
      is: 'unreachable',
      because: 'this library shows its books to readers only',
    });
    expect(report.conditions).toEqual([
      expect.objectContaining({ class: 'Unsupported', actor: 'operator', advice: 'Read.' }),
    ]);
    expect(report.counts).not.toHaveProperty(['shelf.book']);
  });

  it('is another thing than one that this cloud lacks', async () => {
    expect((await clean('shelf.book.unsupported')).outcome).toEqual({ is: 'finished' });
  });

  it('is not what a proxy makes of it by a 501', async () => {
    expect((await clean('shelf.http.501.hidden')).outcome.is).toBe('failed');
  });
});

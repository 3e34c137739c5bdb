import { ProjectId } from '../../../events/ids.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { defineService, defineType } from '../../../lib/task/service.ts';
import { contextOf } from './context.ts';

const PROJECT = ProjectId.parse('target');
const context = contextOf();

/** A shelf of books, and of labels that cannot be removed. */
function clean(shelf: Set<string>, boards = new Set<string>()) {
  const label = defineType<string>({
    name: 'resource',
    list: async () => [...shelf],
    id: (id) => id,
    owner: () => PROJECT,
    async remove(id) {
      if (id.startsWith('label'))
        return { kind: 'retained', message: 'labels are glued for good', advice: 'Take a knife.' };
      if (id.startsWith('stuck'))
        return { kind: 'blocked', message: 'nailed down', actor: 'operator' };
      shelf.delete(id);
      return { kind: 'gone' };
    },
  });
  // A dependent must not wait for ever for resources that cannot be removed.
  const board = defineType<string>({
    name: 'board',
    dependsOn: [{ types: ['resource'], strength: 'required', until: 'empty' }],
    list: async () => [...boards],
    id: (id) => id,
    owner: () => PROJECT,
    async remove(id) {
      boards.delete(id);
      return { kind: 'gone' };
    },
  });
  const service = defineService({
    name: 'shelf',
    catalogTypes: ['shelf'],
    concurrency: 1,
    resourceTypes: [label, board],
  });
  return runProjectCleanup({
    service,
    context,
    phase: 'apply',
    confirmation: Confirmation.of(PROJECT, [0, 5000], 5000),
    deadline: 60_000,
  });
}

describe('a resource that a release of a service cannot remove', () => {
  it('does not stop the task from finishing, and is reported to the operator', async () => {
    const shelf = new Set(['label', 'book']);
    const report = await clean(shelf);
    expect([...shelf]).toEqual(['label']);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toEqual({
      'shelf.resource': { listed: 2, gone: 1, left: 1 },
      'shelf.board': { listed: 0, gone: 0, left: 0 },
    });
    expect(report.conditions).toMatchObject([
      {
        class: 'Unsupported',
        actor: 'operator',
        message: 'skipped: labels are glued for good',
        advice: 'Take a knife.',
        example: 'label',
      },
    ]);
  });

  it('does not delay the dependents of its type', async () => {
    const boards = new Set(['board']);
    expect((await clean(new Set(['label']), boards)).outcome).toEqual({ kind: 'finished' });
    expect([...boards]).toEqual([]);
  });

  it('does not hide another resource of the same type that is left', async () => {
    const report = await clean(new Set(['label', 'stuck']));
    expect(report.outcome).toMatchObject({ kind: 'again' });
    expect(report.counts).toEqual({ 'shelf.resource': { listed: 2, gone: 0, left: 2 } });
  });
});

import { ProjectId } from '../../../events/ids.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { defineService, defineType } from '../../../lib/task/service.ts';
import { contextOf } from './context.ts';

const PROJECT = ProjectId.parse('target');

/** A service with a type that cannot be listed, with this error code, and an empty type. */
function runCleanup(code: string) {
  const snapshot = defineType<string>({
    name: 'snapshot',
    list: () =>
      Promise.reject(
        new PropagatorError({
          code,
          class: 'Unsupported',
          message: 'this library shows its snapshots to readers only',
          advice: 'Read.',
        }),
      ),
    id: (id) => id,
    owner: () => PROJECT,
    remove: () => Promise.reject(new Error('never')),
  });
  const volume = defineType<string>({
    name: 'volume',
    list: async () => [],
    id: (id) => id,
    owner: () => PROJECT,
    remove: async () => ({ kind: 'gone' }),
  });
  const service = defineService({
    name: 'storage',
    catalogTypes: ['storage'],
    resourceTypes: [snapshot, volume],
  });
  const confirmation = Confirmation.fromAnswers(PROJECT, [0, 9], 1);
  return runProjectCleanup({
    service,
    context: contextOf(),
    phase: 'apply',
    confirmation,
    deadline: 60_000,
  });
}

describe('a resource type that this release of a service does not list', () => {
  it('is unreachable and reported, and does not count as empty', async () => {
    const report = await runCleanup('storage.snapshot.hidden');
    expect(report.outcome).toEqual({
      kind: 'unreachable',
      because: 'this library shows its snapshots to readers only',
    });
    expect(report.conditions).toEqual([
      expect.objectContaining({ class: 'Unsupported', actor: 'operator', advice: 'Read.' }),
    ]);
    expect(report.counts).not.toHaveProperty(['storage.snapshot']);
  });

  it('differs from a type that this cloud lacks', async () => {
    expect((await runCleanup('storage.snapshot.unsupported')).outcome).toEqual({
      kind: 'finished',
    });
  });

  it('differs from a 501 of a proxy', async () => {
    expect((await runCleanup('storage.http.501.hidden')).outcome.kind).toBe('failed');
  });
});

import { ProjectId } from '../../../events/ids.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { defineService, defineType } from '../../../lib/task/service.ts';
import { contextOf } from './context.ts';

const PROJECT = ProjectId.parse('target');
const context = contextOf();

/** Runs a cleanup of a service with volumes, snapshots, and labels that cannot be removed. */
function runCleanup(storage: Set<string>, volumes = new Set<string>()) {
  const label = defineType<string>({
    name: 'resource',
    list: async () => [...storage],
    id: (id) => id,
    owner: () => PROJECT,
    async remove(id) {
      if (id.startsWith('label'))
        return {
          kind: 'retained',
          message: 'this release keeps labels',
          advice: 'Upgrade the service.',
        };
      if (id.startsWith('stuck')) return { kind: 'blocked', message: 'in use', actor: 'operator' };
      storage.delete(id);
      return { kind: 'gone' };
    },
  });
  // A dependent must not wait for ever for resources that cannot be removed.
  const volume = defineType<string>({
    name: 'volume',
    dependsOn: [{ types: ['resource'], strength: 'required', until: 'empty' }],
    list: async () => [...volumes],
    id: (id) => id,
    owner: () => PROJECT,
    async remove(id) {
      volumes.delete(id);
      return { kind: 'gone' };
    },
  });
  const service = defineService({
    name: 'storage',
    catalogTypes: ['storage'],
    concurrency: 1,
    resourceTypes: [label, volume],
  });
  return runProjectCleanup({
    service,
    context,
    phase: 'apply',
    confirmation: Confirmation.fromAnswers(PROJECT, [0, 5000], 5000),
    deadline: 60_000,
  });
}

describe('a resource that a release of a service cannot remove', () => {
  it('does not stop the task from finishing, and is reported to the operator', async () => {
    const storage = new Set(['label', 'snapshot']);
    const report = await runCleanup(storage);
    expect([...storage]).toEqual(['label']);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toEqual({
      'storage.resource': { listed: 2, gone: 1, left: 1 },
      'storage.volume': { listed: 0, gone: 0, left: 0 },
    });
    expect(report.conditions).toMatchObject([
      {
        class: 'Unsupported',
        actor: 'operator',
        message: 'skipped: this release keeps labels',
        advice: 'Upgrade the service.',
        example: 'label',
      },
    ]);
  });

  it('does not delay the dependents of its type', async () => {
    const volumes = new Set(['volume']);
    expect((await runCleanup(new Set(['label']), volumes)).outcome).toEqual({ kind: 'finished' });
    expect([...volumes]).toEqual([]);
  });

  it('does not hide another resource of the same type that is left', async () => {
    const report = await runCleanup(new Set(['label', 'stuck']));
    expect(report.outcome).toMatchObject({ kind: 'again' });
    expect(report.counts).toEqual({ 'storage.resource': { listed: 2, gone: 0, left: 2 } });
  });
});

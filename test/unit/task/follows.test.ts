import { ProjectId } from '../../../events/ids.ts';
import { aggregateConditions } from '../../../lib/task/conditions.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { defineService, defineType } from '../../../lib/task/service.ts';
import { contextOf } from './context.ts';

const PROJECT = ProjectId.parse('target');
const context = contextOf();

describe('a resource type with a preferred dependency on another type', () => {
  it('is removed after the other type, even if a resource of the other type is stuck', async () => {
    const simulation = {
      snapshots: new Set(['stuck', 'loose']),
      volumes: new Set(['volume']),
      order: [] as string[],
    };
    const resourceType = (name: string, rows: Set<string>, before: string[]) =>
      defineType<string>({
        name,
        dependsOn: [{ types: before, strength: 'preferred', until: 'done' }],
        list: async () => [...rows],
        id: (id) => id,
        owner: () => PROJECT,
        async remove(id) {
          if (id === 'stuck') return { kind: 'blocked', message: 'in use', actor: 'operator' };
          await new Promise((resolve) => setImmediate(resolve));
          simulation.order.push(id);
          rows.delete(id);
          return { kind: 'gone' };
        },
      });
    const service = defineService({
      name: 'storage',
      catalogTypes: ['storage'],
      resourceTypes: [
        resourceType('volume', simulation.volumes, ['snapshot']),
        resourceType('snapshot', simulation.snapshots, []),
      ],
    });
    const report = await runProjectCleanup({
      service,
      context,
      phase: 'apply',
      confirmation: Confirmation.fromAnswers(PROJECT, [0, 9], 1),
      deadline: 60_000,
    });
    expect(simulation.order).toEqual(['loose', 'volume']);
    expect([...simulation.snapshots]).toEqual(['stuck']);
    expect(report.outcome.kind).toBe('again');
  });
});

describe('the conditions of a report', () => {
  it('begin with the blockers, and end with the missing extensions', () => {
    const missingExtensions = Array.from({ length: 40 }, (_, n) => ({
      class: 'Unsupported' as const,
      message: `skipped: no extension ${n}`,
      actor: 'none' as const,
      count: 1,
    }));
    const conditions = aggregateConditions([
      ...missingExtensions,
      { class: 'Blocked', message: 'z', actor: 'other-project', count: 1 },
    ]);
    expect(conditions[0]).toMatchObject({ class: 'Blocked' });
  });
});

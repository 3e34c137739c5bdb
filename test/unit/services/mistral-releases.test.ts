import { mistral } from '../../../lib/services/mistral.ts';
import { createMemoize } from '../../../lib/task/memoize.ts';
import { mistralOf } from '../../cloud/documented/mistral.ts';
import { addRow, closeCloudAfterEachTest, fixture, left, open, tables } from './mistral-fixture.ts';

closeCloudAfterEachTest();

describe('the cleanup of a deleted project in Mistral', () => {
  const cleanDeletedProject = async () => {
    await fixture.deleteProject();
    return fixture.clean(mistral);
  };

  it('removes the types that any administrator may remove, reports the others, and is unreachable', async () => {
    await open();
    const report = await cleanDeletedProject();
    expect(report.outcome).toMatchObject({
      kind: 'unreachable',
      because: expect.stringContaining('environments'),
    });
    for (const resourceType of ['cron-trigger', 'execution'])
      expect(left(resourceType)).toEqual([]);
    // Mistral cannot delete the event trigger that uses the workflow `flow`.
    expect(left('workflow')).toEqual(['mistral.workflow flow']);
    for (const resourceType of [
      'event-trigger',
      'dynamic-action',
      'code-source',
      'environment',
      'workbook',
    ])
      expect(left(resourceType)).toHaveLength(1);
    const retained = report.conditions.filter(({ message }) => message.includes('before 2026.1'));
    expect(retained.map(({ resourceType }) => resourceType).sort()).toEqual([
      'mistral.code-source',
      'mistral.dynamic-action',
      'mistral.event-trigger',
      'mistral.workflow',
    ]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('reports for each type that it cannot list the tables of this type', async () => {
    await open();
    const { conditions } = await cleanDeletedProject();
    const adviceFor = (name: string) =>
      conditions.find(({ resourceType }) => resourceType === name)?.advice;
    expect(adviceFor('mistral.workbook')).toContain('workbooks_v2');
    expect(adviceFor('mistral.action-execution')).toContain('action_executions_v2');
    expect(adviceFor('mistral.action-execution')).not.toContain('workbooks_v2');
  });

  it('also removes event triggers and code from 2026.1 on', async () => {
    await open(mistralOf({ sinceEverything: true }));
    const report = await cleanDeletedProject();
    expect(report.outcome).toMatchObject({ kind: 'unreachable' });
    for (const resourceType of ['event-trigger', 'workflow', 'dynamic-action', 'code-source'])
      expect(left(resourceType)).toEqual([]);
    expect(left('environment')).toHaveLength(1);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('does not report a resource that another client removed meanwhile', async () => {
    await open();
    await fixture.deleteProject();
    const [trigger] = tables().event_triggers.where((row) => row.project_id === fixture.project);
    const context = await fixture.context(mistral);
    const resourceType = mistral.resourceTypes.find(({ name }) => name === 'mistral.event-trigger');
    const seen = await resourceType?.list(context);
    tables().event_triggers.delete(trigger?.id ?? '');
    expect(await seen?.resources[0]?.remove()).toEqual({ kind: 'gone' });
  });
});

describe('Mistral, in later releases', () => {
  it('is emptied if an administrator lists the rows of all projects, a page at a time', async () => {
    await open(mistralOf({ sinceEverything: true, maxLimit: 5, removesActionExecutions: true }));
    for (let n = 0; n < 12; n += 1) addRow('workflows', fixture.project, `more-${n}`);
    const report = await fixture.preDelete(mistral);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toMatchObject({ 'mistral.workflow': { listed: 14, gone: 14 } });
    expect(fixture.left('mistral')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it.each(['environments', 'workbooks'] as const)(
    'is not treated as empty when some of the %s cannot be listed',
    async (collection) => {
      await open(mistralOf({ sinceEverything: true, maxLimit: 5, removesActionExecutions: true }));
      const named = collection === 'workbooks' ? { namespace: 'apart' } : {};
      for (let n = 0; n < 12; n += 1)
        addRow(collection, fixture.control.project.id, `more-${n}`, named);
      fixture.rememberControls();
      const report = await fixture.preDelete(mistral);
      expect(report.outcome.kind).not.toBe('finished');
      expect(left(collection.slice(0, -1))).toHaveLength(1);
      expect(fixture.controlsAreUntouched).toBe(true);
    },
  );
});

describe('Mistral, before Wallaby', () => {
  it('is finished without code sources and dynamic actions, which it does not have', async () => {
    await open();
    for (const collection of ['dynamic_actions', 'code_sources'] as const)
      for (const row of tables()[collection].all()) tables()[collection].delete(row.id);
    fixture.rememberControls();
    fixture.rehearsal.faults.inject({
      service: 'mistral',
      path: /dynamic|code_sources/,
      effect: { does: 'answer', status: 404 },
    });
    const report = await fixture.preDelete(mistral);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions.map(({ message }) => message)).toEqual([
      'skipped: this Mistral (before Wallaby) does not have this resource type',
      'skipped: this Mistral (before Wallaby) does not have this resource type',
    ]);
  });

  it('is not finished when its workflows are not found', async () => {
    await open();
    fixture.rehearsal.faults.inject({
      service: 'mistral',
      method: 'GET',
      effect: { does: 'answer', status: 404 },
    });
    const report = await fixture.preDelete(mistral, { memoize: createMemoize() });
    expect(report.outcome).toMatchObject({ kind: 'failed', error: { class: 'Unexpected' } });
    expect(fixture.controlsAreUntouched).toBe(true);
  });
});

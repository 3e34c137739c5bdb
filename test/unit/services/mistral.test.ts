import { mistral } from '../../../lib/services/mistral.ts';
import { mistral as fake, mistralOf } from '../../cloud/documented/mistral.ts';
import { addRow, closeCloudAfterEachTest, fixture, left, open, tables } from './mistral-fixture.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(mistral, { with: [fake] });

closeCloudAfterEachTest();

const calls = (method: string, path: RegExp) =>
  fixture.rehearsal.calls.filter(
    (call) => call.service === 'mistral' && call.method === method && path.test(call.path),
  );

describe('the cleanup of an existing project in Mistral', () => {
  it('removes everything in one run: running executions, an action in its own namespace, code', async () => {
    await open();
    const report = await fixture.preDelete(mistral);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('mistral')).toEqual([]);
    expect(report.counts).toMatchObject({
      'mistral.cron-trigger': { listed: 1, gone: 1 },
      'mistral.execution': { listed: 3, gone: 3 },
      'mistral.action-execution': { listed: 1, gone: 1 },
      'mistral.action': { listed: 2, gone: 2 },
    });
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('removes triggers first, and workflows and workbooks after the actions, which are found through them', async () => {
    await open();
    await fixture.preDelete(mistral);
    const order = calls('DELETE', /./).map(({ path }) => path.split('/')[2] ?? '');
    const last = (...names: string[]) => Math.max(...names.map((name) => order.lastIndexOf(name)));
    const first = (...names: string[]) => Math.min(...names.map((name) => order.indexOf(name)));
    expect(last('cron_triggers', 'event_triggers')).toBeLessThan(first('executions', 'workflows'));
    expect(last('actions')).toBeLessThan(first('workflows', 'workbooks'));
    expect(last('dynamic_actions')).toBeLessThan(first('code_sources'));
  });

  it('keeps a code source that a dynamic action of another project uses', async () => {
    await open();
    const [source] = tables().code_sources.where((row) => row.project_id === fixture.project);
    addRow('dynamic_actions', fixture.control.project.id, 'borrowed', {
      code_source_id: source?.id ?? '',
    });
    const controls = () =>
      tables().dynamic_actions.where((row) => row.project_id === fixture.control.project.id).length;
    const before = controls();
    const report = await fixture.preDelete(mistral);
    expect(report.outcome).not.toEqual({ kind: 'finished' });
    expect(left('code-source')).toHaveLength(1);
    expect(left('dynamic-action')).toEqual([]);
    expect(controls()).toBe(before);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'mistral.code-source',
        message: expect.stringContaining(
          `of project ${fixture.control.project.id} uses the code source`,
        ),
      }),
    );
  });

  it('deletes no workflow before its triggers are gone', async () => {
    await open();
    const slow = { does: 'slow', milliseconds: 80 } as const;
    fixture.rehearsal.faults.inject({
      service: 'mistral',
      method: 'DELETE',
      path: /triggers/,
      effect: slow,
    });
    expect((await fixture.preDelete(mistral)).outcome).toEqual({ kind: 'finished' });
    const order = calls('DELETE', /triggers|workflows/).map(({ path }) => path.split('/')[2]);
    expect(order.slice(-2)).toEqual(['workflows', 'workflows']);
  });

  it.each(['workflows', 'workbooks'] as const)(
    'keeps the %s while an action that is found through them exists',
    async (collection) => {
      await open();
      // Only the rows of `collection` still name the namespace of the action.
      const otherCollection = collection === 'workflows' ? 'workbooks' : 'workflows';
      for (const row of tables()[otherCollection].where(
        (one) => one.namespace === 'apart' && one.project_id === fixture.project,
      ))
        tables()[otherCollection].delete(row.id);
      const fault = { service: 'mistral', method: 'DELETE', path: /\/actions\//, times: 2 };
      fixture.rehearsal.faults.inject({ ...fault, effect: { does: 'answer', status: 500 } });
      expect((await fixture.preDelete(mistral)).outcome.kind).toBe('again');
      expect((await fixture.preDelete(mistral)).outcome).toEqual({ kind: 'finished' });
      expect(fixture.left('mistral')).toEqual([]);
    },
  );

  it.each(['event_triggers', 'actions', 'environments', 'workbooks', 'action_executions'])(
    'never changes one of the %s without an owner, and is not finished',
    async (collection) => {
      await open();
      const before = fixture.left('mistral').length;
      const path = new RegExp(`/${collection}`);
      fixture.rehearsal.faults.inject({
        service: 'mistral',
        method: 'GET',
        path,
        effect: { does: 'drop-owner' },
      });
      const report = await fixture.preDelete(mistral);
      expect(report.outcome.kind).toBe('again');
      expect(report.conditions).toContainEqual(
        expect.objectContaining({ message: expect.stringContaining('has no owner field') }),
      );
      expect(fixture.left('mistral').length).toBeLessThan(before);
      expect(calls('DELETE', path)).toEqual([]);
      expect(fixture.controlsAreUntouched).toBe(true);
    },
  );

  it('never removes resources of Mistral itself, or an action that has the name of a dynamic one', async () => {
    await open();
    // A dynamic action of the project has the same name, so the call must use the id of the action.
    addRow('actions', fixture.project, 'own-code');
    await fixture.preDelete(mistral);
    expect(tables().actions.get('std.noop')).toBeDefined();
    expect(calls('DELETE', /actions\/(own-code|std)/)).toEqual([]);
    expect(fixture.left('mistral')).toEqual([]);
  });

  it.each(['environments', 'workbooks'] as const)(
    'keeps one of the %s while a public one of another project has the same name',
    async (collection) => {
      await open();
      const stranger = fixture.control.project.id;
      const namespace = collection === 'workbooks' ? { namespace: 'apart' } : {};
      addRow(collection, fixture.project, 'Shared', namespace);
      // MySQL treats these names as equal.
      const theirs = addRow(collection, stranger, 'shäred ', { scope: 'public', ...namespace });
      fixture.rememberControls();
      const report = await fixture.preDelete(mistral);
      expect(report.outcome).toEqual({ kind: 'again', afterSeconds: 0, error: undefined });
      expect(fixture.left('mistral')).toEqual([`mistral.${collection.slice(0, -1)} Shared`]);
      expect(report.conditions).toMatchObject([
        { class: 'Blocked', actor: 'operator', message: expect.stringContaining('delete both') },
      ]);
      expect(fixture.controlsAreUntouched).toBe(true);
      theirs.scope = 'private';
      expect((await fixture.preDelete(mistral)).outcome).toEqual({ kind: 'finished' });
      expect(fixture.left('mistral')).toEqual([]);
      expect(fixture.controlsAreUntouched).toBe(true);
    },
  );

  it('removes a workbook if a public one of another project has its name in another namespace', async () => {
    await open();
    addRow('workbooks', fixture.control.project.id, 'book', {
      scope: 'public',
      namespace: 'elsewhere',
    });
    fixture.rememberControls();
    expect((await fixture.preDelete(mistral)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('leaves public resources to the operator, and removes them when they are private again', async () => {
    await open();
    const all = ['actions', 'environments', 'dynamic_actions', 'code_sources'] as const;
    const ours = all.map((collection) =>
      addRow(collection, fixture.project, 'for-all', { scope: 'public' }),
    );
    const report = await fixture.preDelete(mistral);
    expect(report.outcome.kind).toBe('again');
    expect(
      report.conditions
        .filter(({ class: errorClass }) => errorClass === 'Blocked')
        .map(({ actor }) => actor),
    ).toEqual(all.map(() => 'operator'));
    expect(
      fixture.left('mistral').filter((resource) => resource.endsWith(' for-all')),
    ).toHaveLength(4);
    for (const row of ours) row.scope = 'private';
    expect((await fixture.preDelete(mistral)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('mistral')).toEqual([]);
  });

  it('leaves a public workflow to the operator', async () => {
    await open();
    const ours = addRow('workflows', fixture.project, 'for-all', { scope: 'public' });
    const report = await fixture.preDelete(mistral);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'operator', message: expect.stringContaining('public') },
    ]);
    expect(fixture.left('mistral')).toEqual(['mistral.workflow for-all']);
    ours.scope = 'private';
    expect((await fixture.preDelete(mistral)).outcome).toEqual({ kind: 'finished' });
  });

  it('makes no call for a name that the API would read as another name', async () => {
    await open();
    addRow('environments', fixture.project, 'trail/');
    addRow('environments', fixture.project, 'a/b');
    addRow('environments', fixture.project, '..');
    const theirs = addRow('environments', fixture.control.project.id, 'trail', { scope: 'public' });
    fixture.rememberControls();
    const report = await fixture.preDelete(mistral);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(left('environment')).toHaveLength(3);
    expect(report.conditions).toMatchObject([
      { class: 'Unsupported', actor: 'operator', resourceType: 'mistral.environment', count: 3 },
    ]);
    expect(tables().environments.get(theirs.id)).toBeDefined();
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('reports the project whose trigger uses a workflow, and removes the workflow after the trigger is gone', async () => {
    await open();
    const [flow] = tables().workflows.where(
      (row) => row.name === 'flow' && row.project_id === fixture.project,
    );
    const theirs = addRow('cron_triggers', fixture.control.project.id, 'theirs', {
      workflow_id: flow?.id ?? '',
    });
    fixture.rememberControls();
    const report = await fixture.preDelete(mistral);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'other-project', message: expect.stringContaining(theirs.id) },
    ]);
    expect(fixture.left('mistral')).toEqual(['mistral.workflow flow']);
    expect(fixture.controlsAreUntouched).toBe(true);
    tables().cron_triggers.delete(theirs.id);
    expect((await fixture.preDelete(mistral)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('mistral')).toEqual([]);
  });

  it('finishes without the results of actions if the operator keeps them, and waits for a running action', async () => {
    await open(mistralOf({}));
    const running = addRow('action_executions', fixture.project, 'std.ssh', { state: 'RUNNING' });
    const report = await fixture.preDelete(mistral);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'none', message: expect.stringContaining('running') },
      {
        class: 'Unsupported',
        actor: 'operator',
        message: expect.stringContaining('allow_action_execution_deletion'),
      },
    ]);
    running.state = 'SUCCESS';
    expect((await fixture.preDelete(mistral)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('mistral')).toHaveLength(2);
  });

  it('lists all pages of each type', async () => {
    await open();
    for (const collection of [
      'workflows',
      'environments',
      'executions',
      'dynamic_actions',
    ] as const)
      for (let n = 0; n < 1200; n += 1)
        addRow(collection, fixture.project, `more-${n}`, { state: 'RUNNING' });
    const report = await fixture.preDelete(mistral);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toMatchObject({
      'mistral.workflow': { listed: 1202 },
      'mistral.environment': { listed: 1201 },
    });
    expect(fixture.left('mistral')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });
});

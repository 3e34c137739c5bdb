import { ServiceName } from '../../../events/ids.ts';
import type { ServiceReport } from '../../../events/service.ts';
import type { Operation, Task } from '../../../lib/operation/model.ts';
import { step } from '../../../lib/operation/step.ts';
import { OPENED_AT, operationAt, runningTask, stepInput } from './step-fixture.ts';

type ReportData = ServiceReport['data'];

const reportOf = (
  { id: taskId, operationId, phase, region, run, service }: Task,
  type: ServiceReport['type'],
  fields: object,
): ServiceReport => {
  const identity = { operationId, taskId, service, region, phase, run };
  const data = { ...identity, counts: {}, conditions: [], ...fields } as unknown as ReportData;
  return { type, data } as ServiceReport;
};

const plannedOf = ({ id, region, service }: Task) => ({
  id,
  region,
  service,
  dependsOn: [],
  preDelete: false,
  types: [],
});

/** Applies a report to the first task of a running operation. */
function afterReport(
  [task, ...otherTasks]: readonly [Task, ...Task[]],
  [type, fields]: readonly [ServiceReport['type'], object],
  operation: Partial<Operation> = {},
) {
  const tasks = [task, ...otherTasks];
  const stored = operationAt({
    state: 'running',
    startedAt: OPENED_AT,
    confirmedAt: [OPENED_AT - 60_000, OPENED_AT],
    order: tasks.map(plannedOf),
    ...operation,
  });
  const report = reportOf(task, type, fields);
  return step(stored, tasks, { kind: 'report', report }, stepInput(OPENED_AT + 1000));
}

/** A task that keeps the operation open. */
const otherTask = runningTask('cinder');
const again = { sequence: 1, again: { afterSeconds: 5 } };

describe('the end of a run', () => {
  it('ends a partial run, unless the run found the project enabled', () => {
    const awaitedServices = [ServiceName.parse('cinder')];
    const task = runningTask('nova', { partialRun: { state: 'running', awaitedServices } });
    const result = afterReport([task, otherTask], ['service.progressed', again]);
    expect(result?.tasks.find(({ id }) => id === task.id)?.partialRun).toMatchObject({
      state: 'done',
      nextRun: 2,
    });
    const enabled = { ...again, again: { afterSeconds: 5, enabled: true } };
    const repeated = afterReport([task, otherTask], ['service.progressed', enabled]);
    expect(repeated?.tasks.find(({ id }) => id === task.id)).toMatchObject({
      state: 'requested',
      run: 2,
      partialRun: { state: 'running' },
    });
  });

  it('permits a further partial run only after a partial run without an error', () => {
    const awaitedServices = [ServiceName.parse('cinder')];
    const task = runningTask('nova', { partialRun: { state: 'running', awaitedServices } });
    const nextAtAfter = (...report: Parameters<typeof afterReport>[1]) =>
      afterReport([task, otherTask], report)?.tasks.find(({ id }) => id === task.id)?.partialRun
        ?.nextPartialRunAt;
    expect(nextAtAfter('service.progressed', again)).toBe(OPENED_AT + 1000 + 30_000);
    const error = { code: 'nova.503', class: 'Transient', message: 'busy', retryAfterSeconds: 300 };
    const failed = { ...again, again: { afterSeconds: 5, error } };
    expect(nextAtAfter('service.progressed', failed)).toBeUndefined();
  });

  it('forgets the overtaken tasks only if the service is skipped', () => {
    const task = runningTask('nova', { overtook: [otherTask.id] });
    const overtookAfter = (result: string) =>
      afterReport([task, otherTask], ['service.finished', { result }])?.tasks[0];
    expect(overtookAfter('finished')).toMatchObject({
      state: 'finished',
      overtook: [otherTask.id],
    });
    expect(overtookAfter('skipped')).toMatchObject({ state: 'skipped', overtook: [] });
  });

  it('is counted in a canceled operation, and no further run follows', () => {
    const counts = { 'nova.server': { listed: 2, gone: 1, left: 1 } };
    const canceled = { state: 'canceled', endedAt: OPENED_AT } as const;
    const task = runningTask('nova');
    const result = afterReport([task], ['service.progressed', { ...again, counts }], canceled);
    expect(result?.tasks).toMatchObject([{ counts: { 'nova.server': { removed: 1, left: 1 } } }]);
    expect(result?.messages).toEqual([]);
  });

  it('has no effect after the end of a suspension', () => {
    const superseded = { action: 'suspend', state: 'superseded', endedAt: OPENED_AT } as const;
    const finished = ['service.finished', { result: 'finished' }] as const;
    expect(afterReport([runningTask('nova')], finished, superseded)).toBeUndefined();
  });
});

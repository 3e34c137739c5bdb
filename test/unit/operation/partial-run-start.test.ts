import { ResourceTypeName } from '../../../events/ids.ts';
import type { Task } from '../../../lib/operation/model.ts';
import { withPartialRun } from '../../../lib/operation/partial-run.ts';
import { OperationTransaction } from '../../../lib/operation/transaction.ts';
import { OPENED_AT, operationAt, runningTask } from './step-fixture.ts';

describe('a partial run', () => {
  const conditions = [{ class: 'InProgress', count: 1, actor: 'none', message: '' } as const];
  const nova = runningTask('nova', { conditions });
  const neutron = runningTask('neutron', { state: 'pending', startedAt: undefined });
  const dependency = {
    task: nova.id,
    strength: 'required',
    until: 'done',
    independentTypes: [ResourceTypeName.parse('neutron.router')],
  } as const;
  const partialRunWith = (heldTypes: readonly string[], task = neutron) =>
    withPartialRun(new OperationTransaction(operationAt(), [nova, task]), task, [dependency], {
      now: OPENED_AT,
      heldTypes,
    })?.partialRun;

  it('waits while a hold is stored that the awaited task has not reported yet', () => {
    expect(partialRunWith([])).toMatchObject({ state: 'running', awaitedServices: ['nova'] });
    expect(partialRunWith(['cinder.volume'])).toMatchObject({ state: 'running' });
    expect(partialRunWith(['nova.server'])).toBeUndefined();
  });

  it('waits while a hold may keep a resource of another service, such as a volume of a server', () => {
    const verification = { verifiedAt: OPENED_AT, phase: 'plan', stale: false } as const;
    const cinderWith = (status: 'present' | 'empty') =>
      runningTask('cinder', { verifications: { 'cinder.volume': { ...verification, status } } });
    const runWith = (status: 'present' | 'empty') =>
      withPartialRun(
        new OperationTransaction(operationAt({ confirmedAt: [OPENED_AT] }), [
          nova,
          neutron,
          cinderWith(status),
        ]),
        neutron,
        [dependency],
        { now: OPENED_AT, heldTypes: ['cinder.volume'] },
      );
    expect(runWith('empty')).toBeDefined();
    expect(runWith('present')).toBeUndefined();
  });

  it('follows an earlier one at the earliest at the stored time', () => {
    const awaitedServices = [nova.service];
    const done = { state: 'done', awaitedServices, nextRun: neutron.run } as const;
    const runAfter = (partialRun: Task['partialRun']) =>
      partialRunWith([], { ...neutron, startedAt: OPENED_AT, partialRun });
    expect(runAfter({ ...done, nextPartialRunAt: OPENED_AT })).toMatchObject({ state: 'running' });
    expect(runAfter({ ...done, nextPartialRunAt: OPENED_AT + 1 })).toBeUndefined();
    expect(runAfter(done)).toBeUndefined();
  });

  it('does not follow a full run', () => {
    const partialRun = {
      state: 'done',
      awaitedServices: [nova.service],
      nextRun: neutron.run,
      nextPartialRunAt: OPENED_AT,
    } as const;
    const run = neutron.run + 1;
    expect(partialRunWith([], { ...neutron, startedAt: OPENED_AT, partialRun, run })).toBe(
      undefined,
    );
  });
});

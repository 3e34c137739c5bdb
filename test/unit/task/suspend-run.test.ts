import * as z from 'zod';
import type { ServiceApi } from '../../../lib/task/context.ts';
import { suspendService } from '../../../lib/task/suspend-run.ts';
import { defineSuspension } from '../../../lib/task/suspension.ts';
import { MemoryRecords } from '../../suspension-records.ts';
import { projectContext } from '../services/project-context.ts';

/**
 * Suspends a service with one resource in this state. Another actor has changed the state after it
 * was recorded.
 */
async function runWith(state: string) {
  const resource = { state };
  const suspension = defineSuspension<typeof resource, object>({
    name: 'server',
    summary: { suspend: '', record: '', resume: '' },
    recordedState: z.object({}),
    list: async () => [resource],
    id: () => 'r1',
    owner: () => 'p1',
    assess(row) {
      if (row.state === 'restarting') return { kind: 'wait', message: 'it restarts' };
      if (row.state === 'failed')
        return { kind: 'report-only', message: 'it has failed', advice: 'Fix.' };
      return row.state === 'stopped' ? { kind: 'at-rest' } : { kind: 'suspend', recordedState: {} };
    },
    async suspend(row) {
      row.state = 'stopped';
    },
    compare: () => ({ kind: 'changed', message: 'it was changed' }),
    resume: async () => undefined,
  })('nova');
  const records = new MemoryRecords();
  await records.add([
    { resourceType: 'nova.server', id: 'r1', recordedState: {}, recordedAt: 0, version: 1 },
  ]);
  const api = { service: 'nova' } as unknown as ServiceApi;
  return suspendService({
    service: 'nova',
    types: [suspension],
    options: undefined,
    context: projectContext(api, 'p1', { now: Date.now }),
    suspensionRecords: records,
    phase: 'apply',
    settleAt: 0,
    deadline: Date.now() + 60_000,
    concurrency: 1,
    mayContinue: async () => true,
  });
}

describe('the suspension of a resource that another actor has changed after its state was recorded', () => {
  it('waits while the service changes the resource', async () => {
    const report = await runWith('restarting');
    expect(report.outcome.kind).toBe('again');
    expect(report.counts).toMatchObject({ 'nova.server': { left: 1 } });
    expect(report.conditions).toMatchObject([{ class: 'InProgress', message: 'it restarts' }]);
  });

  it('reports a resource that cannot be suspended', async () => {
    const report = await runWith('failed');
    expect(report.outcome.kind).toBe('finished');
    expect(report.conditions).toMatchObject([
      { class: 'Unsupported', message: 'it has failed', advice: 'Fix.', example: 'r1' },
    ]);
  });

  it('finishes without a report if the resource is stopped', async () => {
    const report = await runWith('stopped');
    expect(report.outcome.kind).toBe('finished');
    expect(report.conditions).toEqual([]);
  });
});

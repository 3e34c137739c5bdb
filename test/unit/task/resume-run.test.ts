import * as z from 'zod';
import type { ServiceApi } from '../../../lib/task/context.ts';
import { resumeService } from '../../../lib/task/resume-run.ts';
import { type Comparison, defineSuspension } from '../../../lib/task/suspension.ts';
import { MemoryRecords } from '../../suspension-records.ts';
import { projectContext } from '../services/project-context.ts';

const RECORDED_STATE = 'running';

/** Resumes servers. `comparisons`: by server id, how its row compares with its record. */
async function resume(
  comparisons: Readonly<Record<string, Comparison>>,
  { phase = 'apply', settleAt = 0 }: { phase?: 'plan' | 'apply'; settleAt?: number } = {},
) {
  const resumed: string[] = [];
  const suspension = defineSuspension<string, string>({
    name: 'server',
    summary: { suspend: '', record: '', resume: '' },
    recordedState: z.string(),
    // The server `vanished` has a record and no row.
    list: async () => Object.keys(comparisons).filter((id) => id !== 'vanished'),
    id: (id) => id,
    owner: () => 'p1',
    assess: () => ({ kind: 'at-rest' }),
    suspend: async () => undefined,
    compare: (id) => comparisons[id] ?? { kind: 'as-recorded' },
    async resume(id) {
      resumed.push(id);
    },
  })('nova');
  const records = new MemoryRecords();
  const recordOf = (resourceType: string, id: string) => ({
    resourceType,
    id,
    recordedState: RECORDED_STATE,
    recordedAt: 0,
    version: 1,
  });
  await records.add(Object.keys(comparisons).map((id) => recordOf('nova.server', id)));
  await records.add([recordOf('nova.other', 'other')]);
  const report = await resumeService({
    service: 'nova',
    types: [suspension],
    options: undefined,
    context: projectContext({ service: 'nova' } as unknown as ServiceApi, 'p1'),
    suspensionRecords: records,
    phase,
    settleAt,
    deadline: 1000,
    concurrency: 1,
    mayContinue: async () => true,
  });
  const recordedIds = (await records.all()).map(({ id }) => id);
  return { report, resumed: [...new Set(resumed)], recordedIds };
}

describe('a run that resumes a service', () => {
  it('resumes what is suspended, and keeps its record until it is restored', async () => {
    const { report, resumed, recordedIds } = await resume({
      whole: { kind: 'suspended' },
      part: { kind: 'partly' },
      restored: { kind: 'as-recorded' },
      vanished: { kind: 'as-recorded' },
    });
    expect(resumed).toEqual(['whole', 'part']);
    expect(recordedIds).toEqual(['whole', 'part', 'other']);
    expect(report.counts).toMatchObject({ 'nova.server': { left: 2 } });
    expect(report.outcome.kind).toBe('again');
  });

  it('waits while the service changes a resource', async () => {
    const { report, resumed } = await resume({ slow: { kind: 'changing', message: 'it boots' } });
    expect(resumed).toEqual([]);
    expect(report.counts).toMatchObject({ 'nova.server': { left: 1 } });
    expect(report.conditions).toMatchObject([
      { class: 'InProgress', message: 'it boots', resourceType: 'nova.server', example: 'slow' },
    ]);
    expect(report.outcome.kind).toBe('again');
  });

  it('reports a resource that another actor changed, and does not change it', async () => {
    const { report, resumed, recordedIds } = await resume({
      theirs: { kind: 'changed', message: 'it was resized' },
    });
    expect(resumed).toEqual([]);
    expect(report.conditions).toMatchObject([
      {
        class: 'Unsupported',
        message: expect.stringMatching(/is not changed back: it was resized$/),
        example: 'theirs',
      },
    ]);
    expect(report.outcome.kind).toBe('finished');
    expect(recordedIds).toEqual([]);
  });

  it('resumes the parts that are still suspended of a resource that another actor changed', async () => {
    const { report, resumed } = await resume({
      mixed: { kind: 'changed', message: 'it was resized', isPartlySuspended: true },
    });
    expect(resumed).toEqual(['mixed']);
    expect(report.counts).toMatchObject({ 'nova.server': { left: 1 } });
    expect(report.conditions).toMatchObject([{ class: 'Unsupported', example: 'mixed' }]);
  });

  it('keeps the records in phase plan and before settleAt', async () => {
    const comparisons = { restored: { kind: 'as-recorded' } } as const;
    const counted = await resume(comparisons, { phase: 'plan' });
    expect(counted.recordedIds).toEqual(['restored', 'other']);
    const beforeSettled = await resume(comparisons, { settleAt: 5000 });
    expect(beforeSettled.recordedIds).toEqual(['restored', 'other']);
    expect(beforeSettled.report.outcome).toMatchObject({ kind: 'again', afterSeconds: 5 });
    const restored = await resume(comparisons);
    expect(restored.recordedIds).toEqual([]);
  });
});

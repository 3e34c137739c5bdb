import { ResourceTypeName } from '../../../events/ids.ts';
import { type ErrorClass, PropagatorError } from '../../../lib/shared/errors.ts';
import type { ServiceApi } from '../../../lib/task/context.ts';
import { type LifecycleRunInput, runLifecycleSteps } from '../../../lib/task/lifecycle-run.ts';
import type { SuspensionType } from '../../../lib/task/suspension.ts';
import { MemoryRecords } from '../../suspension-records.ts';
import { projectContext } from '../services/project-context.ts';

const resourceType = ResourceTypeName.parse('nova.server');
const api = { service: 'nova' } as unknown as ServiceApi;

const thrown = (errorClass: ErrorClass): PropagatorError =>
  new PropagatorError({ code: 'nova.http', class: errorClass, message: 'no', advice: '' });

/**
 * Runs the changes of three servers, one after the other. `errors`: the error of the change of a
 * server. `onChange`: called during each change.
 */
async function runThreeChanges(
  fields: Partial<LifecycleRunInput> = {},
  { errors = {}, onChange }: { errors?: Record<string, Error>; onChange?: () => void } = {},
) {
  const open = new Set(['one', 'two', 'three']);
  const changed: string[] = [];
  const change = async (id: string): Promise<void> => {
    onChange?.();
    const error = errors[id];
    if (error) {
      delete errors[id];
      throw error;
    }
    changed.push(id);
    open.delete(id);
  };
  const report = await runLifecycleSteps(
    {
      service: 'nova',
      types: [{ resourceType } as SuspensionType],
      options: undefined,
      context: projectContext(api, 'p1'),
      suspensionRecords: new MemoryRecords(),
      phase: 'apply',
      settleAt: 0,
      deadline: 1000,
      concurrency: 1,
      mayContinue: async () => true,
      ...fields,
    },
    {
      compare: async () => ({
        resourceType,
        total: 3,
        left: open.size,
        conditions: [],
        changes: [...open].map((id) => () => change(id)),
      }),
      finish: async () => undefined,
      settlingMessage: 'it settles',
    },
  );
  return { changed, report };
}

describe('a run that suspends or resumes a service', () => {
  it('makes all changes, and finishes after the next listing', async () => {
    const { changed, report } = await runThreeChanges();
    expect(changed).toEqual(['one', 'two', 'three']);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toEqual({ 'nova.server': { listed: 3, gone: 3, left: 0 } });
    expect(report.verification).toEqual({ 'nova.server': 'empty' });
  });

  it('makes no change in phase plan', async () => {
    const { changed, report } = await runThreeChanges({ phase: 'plan' });
    expect(changed).toEqual([]);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.verification).toEqual({ 'nova.server': 'present' });
  });

  it('begins no change after its deadline', async () => {
    let time = 0;
    const { changed, report } = await runThreeChanges(
      { context: projectContext(api, 'p1', { now: () => time }) },
      {
        onChange: () => {
          time += 500;
        },
      },
    );
    expect(changed).toEqual(['one', 'two']);
    expect(report.outcome.kind).toBe('again');
  });

  it('begins no change after the process was told to stop', async () => {
    const stop = new AbortController();
    const { changed, report } = await runThreeChanges(
      { stopping: stop.signal },
      { onChange: () => stop.abort() },
    );
    expect(changed).toEqual(['one']);
    expect(report.outcome.kind).toBe('again');
  });

  it('asks before each change, and not again after the answer no', async () => {
    let questions = 0;
    const mayContinue = async (): Promise<boolean> => {
      questions += 1;
      return questions < 2;
    };
    const { changed, report } = await runThreeChanges({ mayContinue });
    expect(changed).toEqual(['one']);
    // Two questions for changes, and one before the next iteration.
    expect(questions).toBe(3);
    expect(report.outcome.kind).toBe('again');
  });

  it('makes no further change after a 403', async () => {
    const errors = { one: thrown('Denied') };
    const { changed, report } = await runThreeChanges({}, { errors });
    expect(changed).toEqual([]);
    expect(report.outcome).toMatchObject({ kind: 'failed', error: { class: 'Denied' } });
  });

  it('makes the other changes after another error, and reports the error', async () => {
    const errors = { one: thrown('Transient') };
    const { changed, report } = await runThreeChanges({}, { errors });
    expect(changed).toEqual(['two', 'three']);
    expect(report.outcome).toMatchObject({ kind: 'again', error: { class: 'Transient' } });
  });

  it('does not report a resource that vanished', async () => {
    const errors = { one: thrown('Gone') };
    const { changed, report } = await runThreeChanges({}, { errors });
    expect(changed).toEqual(['two', 'three', 'one']);
    expect(report.outcome).toEqual({ kind: 'finished' });
  });

  it('reports an error that is not of a service with the code of the change', async () => {
    const errors = { one: new TypeError('broken') };
    const { report } = await runThreeChanges({}, { errors });
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'nova.change', service: 'nova', region: 'one', class: 'Unexpected' },
    });
  });
});

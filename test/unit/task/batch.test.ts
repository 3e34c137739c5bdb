import { ProjectId } from '../../../events/ids.ts';
import { type ErrorClass, PropagatorError } from '../../../lib/shared/errors.ts';
import { type RunReport, runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import {
  type Blocker,
  defineService,
  defineType,
  type Removal,
} from '../../../lib/task/service.ts';
import { contextOf } from './context.ts';

const TARGET = ProjectId.parse('target');
const context = contextOf();
const error = (errorClass: ErrorClass) =>
  new PropagatorError({
    code: `storage.${errorClass}`,
    class: errorClass,
    message: 'no',
    advice: 'see',
  });

interface Snapshot {
  readonly id: string;
  readonly owner: string | undefined;
  readonly chained?: boolean;
}
const snapshots = (...owners: (string | undefined)[]): Snapshot[] =>
  owners.map((owner, n) => ({ id: `b${n}`, owner }));
const chained: Blocker = { message: 'chained to the volume', actor: 'operator' };

/**
 * Runs a cleanup of a service whose snapshots are removed in batches. `removeBatch` receives a
 * batch and returns its results.
 */
function runCleanup(
  storage: Snapshot[],
  maxItems: number,
  removeBatch: (some: readonly Snapshot[]) => Promise<readonly (Removal | PropagatorError)[]>,
) {
  const snapshot = defineType<Snapshot>({
    name: 'snapshot',
    list: async () => [...storage],
    id: ({ id }) => id,
    owner: ({ owner }) => owner,
    blocked: (row) => (row.chained ? chained : undefined),
    remove: () => Promise.reject(new Error('removed one by one')),
    batch: { maxItems, remove: removeBatch },
  });
  const service = defineService({
    name: 'storage',
    catalogTypes: ['storage'],
    concurrency: 1,
    resourceTypes: [snapshot],
  });
  return runProjectCleanup({
    service,
    context,
    phase: 'apply',
    confirmation: Confirmation.fromAnswers(TARGET, [0, 5000], 5000),
    deadline: 60_000,
  });
}
const left = (report: RunReport): number | undefined =>
  report.counts['storage.snapshot' as keyof typeof report.counts]?.left;

describe('the removal of many resources in one call', () => {
  it('removes all resources of the project, in batches that the API allows', async () => {
    const storage = snapshots(...Array.from({ length: 7 }, () => TARGET));
    const sizes: number[] = [];
    const report = await runCleanup(storage, 3, async (some) => {
      sizes.push(some.length);
      for (const snapshot of some) storage.splice(storage.indexOf(snapshot), 1);
      return some.map(() => ({ kind: 'gone' }));
    });
    expect(storage).toEqual([]);
    expect(sizes).toEqual([3, 3, 1]);
    expect(report.outcome).toEqual({ kind: 'finished' });
  });

  it('includes no resource that is foreign, without an owner, or blocked', async () => {
    const storage = [
      ...snapshots('other-project', TARGET, undefined, ''),
      { id: 'chained', owner: TARGET, chained: true },
    ];
    const report = await runCleanup(storage, 100, async (some) => {
      for (const snapshot of some) storage.splice(storage.indexOf(snapshot), 1);
      return some.map(() => ({ kind: 'gone' }));
    });
    expect(storage.map(({ id }) => id)).toEqual(['b0', 'b2', 'b3', 'chained']);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions.map(({ message }) => message)).toContain('chained to the volume');
  });

  it('counts each result for its resource', async () => {
    const storage = snapshots(TARGET, TARGET, TARGET, TARGET);
    const answers = new Map<string, Removal | PropagatorError>([
      ['b0', { kind: 'gone' }],
      ['b1', { kind: 'accepted' }],
      ['b2', error('Gone')],
      ['b3', error('Transient')],
    ]);
    const report = await runCleanup(storage, 100, async (some) =>
      some.map(({ id }) => answers.get(id) ?? error('Unexpected')),
    );
    expect(left(report)).toBe(2);
    expect(report.outcome).toMatchObject({ kind: 'again', error: { class: 'Transient' } });
    expect(
      report.conditions.map(({ class: errorClass, example }) => [errorClass, example]),
    ).toEqual([
      ['InProgress', 'b1'],
      ['Transient', 'b3'],
    ]);
  });

  it('does not count a resource without a result as removed', async () => {
    const report = await runCleanup(snapshots(TARGET, TARGET), 100, async () => [{ kind: 'gone' }]);
    expect(left(report)).toBe(1);
    expect(report.outcome).toMatchObject({ kind: 'failed', error: { class: 'Unexpected' } });
  });

  it('makes no further calls after a refusal, and reports the failed resources as left', async () => {
    const storage = snapshots(...Array.from({ length: 50 }, () => TARGET));
    let calls = 0;
    const report = await runCleanup(storage, 10, async () => {
      calls += 1;
      throw error('Denied');
    });
    expect(calls).toBe(1);
    expect(left(report)).toBe(50);
    expect(report.outcome).toMatchObject({ kind: 'failed', error: { class: 'Denied' } });
  });
});

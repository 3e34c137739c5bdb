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
    code: `shelf.${errorClass}`,
    class: errorClass,
    message: 'no',
    advice: 'see',
  });

interface Book {
  readonly id: string;
  readonly owner: string | undefined;
  readonly chained?: boolean;
}
const books = (...owners: (string | undefined)[]): Book[] =>
  owners.map((owner, n) => ({ id: `b${n}`, owner }));
const chained: Blocker = { message: 'chained to the board', actor: 'operator' };

/** A shelf whose books are removed in batches. `take` receives a batch and returns its results. */
function clean(
  shelf: Book[],
  most: number,
  take: (some: readonly Book[]) => Promise<readonly (Removal | PropagatorError)[]>,
) {
  const book = defineType<Book>({
    name: 'book',
    list: async () => [...shelf],
    id: ({ id }) => id,
    owner: ({ owner }) => owner,
    blocked: (row) => (row.chained ? chained : undefined),
    remove: () => Promise.reject(new Error('removed one by one')),
    batch: { most, remove: take },
  });
  const service = defineService({
    name: 'shelf',
    catalogTypes: ['shelf'],
    concurrency: 1,
    resourceTypes: [book],
  });
  return runProjectCleanup({
    service,
    context,
    phase: 'apply',
    confirmation: Confirmation.of(TARGET, [0, 5000], 5000),
    deadline: 60_000,
  });
}
const left = (report: RunReport): number | undefined =>
  report.counts['shelf.book' as keyof typeof report.counts]?.left;

describe('the removal of many resources in one call', () => {
  it('removes all resources of the project, in batches that the API allows', async () => {
    const shelf = books(...Array.from({ length: 7 }, () => TARGET));
    const sizes: number[] = [];
    const report = await clean(shelf, 3, async (some) => {
      sizes.push(some.length);
      for (const book of some) shelf.splice(shelf.indexOf(book), 1);
      return some.map(() => ({ kind: 'gone' }));
    });
    expect(shelf).toEqual([]);
    expect(sizes).toEqual([3, 3, 1]);
    expect(report.outcome).toEqual({ kind: 'finished' });
  });

  it('includes no resource that is foreign, without an owner, or blocked', async () => {
    const shelf = [
      ...books('other-project', TARGET, undefined, ''),
      { id: 'chained', owner: TARGET, chained: true },
    ];
    const report = await clean(shelf, 100, async (some) => {
      for (const book of some) shelf.splice(shelf.indexOf(book), 1);
      return some.map(() => ({ kind: 'gone' }));
    });
    expect(shelf.map(({ id }) => id)).toEqual(['b0', 'b2', 'b3', 'chained']);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions.map(({ message }) => message)).toContain('chained to the board');
  });

  it('counts each result for its resource', async () => {
    const shelf = books(TARGET, TARGET, TARGET, TARGET);
    const answers = new Map<string, Removal | PropagatorError>([
      ['b0', { kind: 'gone' }],
      ['b1', { kind: 'accepted' }],
      ['b2', error('Gone')],
      ['b3', error('Transient')],
    ]);
    const report = await clean(shelf, 100, async (some) =>
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
    const report = await clean(books(TARGET, TARGET), 100, async () => [{ kind: 'gone' }]);
    expect(left(report)).toBe(1);
    expect(report.outcome).toMatchObject({ kind: 'failed', error: { class: 'Unexpected' } });
  });

  it('makes no further calls after a refusal, and reports the failed resources as left', async () => {
    const shelf = books(...Array.from({ length: 50 }, () => TARGET));
    let calls = 0;
    const report = await clean(shelf, 10, async () => {
      calls += 1;
      throw error('Denied');
    });
    expect(calls).toBe(1);
    expect(left(report)).toBe(50);
    expect(report.outcome).toMatchObject({ kind: 'failed', error: { class: 'Denied' } });
  });
});

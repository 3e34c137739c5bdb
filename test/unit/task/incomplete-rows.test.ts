import { ProjectId } from '../../../events/ids.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { defineService, defineType } from '../../../lib/task/service.ts';
import { contextOf } from './context.ts';

const TARGET = ProjectId.parse('target');

/** Runs a cleanup of a plugin whose function `list` returns `listing`, which may be invalid. */
const runOf = (listing: unknown) =>
  runProjectCleanup({
    service: defineService({
      name: 'billing',
      catalogTypes: ['billing'],
      concurrency: 2,
      resourceTypes: [
        defineType<string>({
          name: 'invoice',
          list: async () => listing as readonly string[],
          id: (row) => row,
          owner: () => TARGET,
          remove: async () => ({ kind: 'gone' }),
        }),
      ],
    }),
    context: contextOf(),
    phase: 'apply',
    confirmation: Confirmation.fromAnswers(TARGET, [0, 5000], 5000),
    deadline: 60_000,
  });

describe('a listing with rows of an operator’s module', () => {
  it('is a proof of emptiness only with hasMore: false', async () => {
    const { outcome, verification } = await runOf({ rows: [], hasMore: false });
    expect(outcome.kind).toBe('finished');
    expect(verification['billing.invoice']).toBe('empty');
  });

  it.each([
    ['has the field of another release', { rows: [], more: true }],
    ['has no field', { rows: [] }],
    ['has a text', { rows: [], hasMore: 'false' }],
  ])('is no proof if it %s', async (_what, listing) => {
    const { outcome, verification } = await runOf(listing);
    expect(outcome.kind).not.toBe('finished');
    expect(verification['billing.invoice']).not.toBe('empty');
    expect(JSON.stringify(outcome)).toContain('no boolean hasMore');
  });
});

import { ProjectId } from '../../../events/ids.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { type Blocker, defineService, defineType } from '../../../lib/task/service.ts';
import { contextOf } from './context.ts';

const PROJECT = ProjectId.parse('target');

/** A service with snapshots. `snapshots`: the blocker of each snapshot, by id. */
const storage = (snapshots: Record<string, Blocker | undefined>) =>
  defineService({
    name: 'storage',
    catalogTypes: ['storage'],
    preDelete: true,
    resourceTypes: [
      defineType<string>({
        name: 'snapshot',
        list: async () => Object.keys(snapshots),
        id: (id) => id,
        owner: () => PROJECT,
        blocked: (id) => snapshots[id],
        async remove(id) {
          delete snapshots[id];
          return { kind: 'gone' };
        },
      }),
    ],
  });
const run = (service: ReturnType<typeof storage>, phase: 'pre-delete' | 'apply') =>
  runProjectCleanup({
    service,
    context: contextOf(),
    phase,
    confirmation: Confirmation.fromRequest(PROJECT, 0),
    deadline: 60_000,
  });
const slow: Blocker = {
  message: 'it is being built',
  actor: 'none',
  isRemovableAfterDeletion: true,
};
const needed: Blocker = { message: 'it is being read', actor: 'none' };

describe('a resource that can also be removed after the deletion of the project', () => {
  it('does not delay phase pre-delete, and counts as left', async () => {
    const report = await run(storage({ slow, free: undefined }), 'pre-delete');
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toEqual({ 'storage.snapshot': { listed: 2, gone: 1, left: 1 } });
    expect(report.conditions).toEqual([
      expect.objectContaining({ class: 'Blocked', example: 'slow' }),
    ]);
  });

  it('delays phase pre-delete together with a resource that needs the living project', async () => {
    const report = await run(storage({ slow, needed }), 'pre-delete');
    expect(report.outcome.kind).toBe('again');
  });

  it('delays the end of phase apply until it is removed', async () => {
    expect((await run(storage({ slow }), 'apply')).outcome.kind).toBe('again');
  });
});

it('a hidden type counts as empty if it was verified empty before the deletion', async () => {
  const hidden = defineType<string>({
    name: 'snapshot',
    list: () =>
      Promise.reject(
        new PropagatorError({
          code: 'storage.snapshot.hidden',
          class: 'Unsupported',
          message: 'hidden',
          advice: 'none',
        }),
      ),
    id: (id) => id,
    owner: () => PROJECT,
    remove: async () => ({ kind: 'gone' }),
  });
  const service = defineService({
    name: 'storage',
    catalogTypes: ['storage'],
    resourceTypes: [hidden],
  });
  const outcome = async (verified: boolean) => {
    const verifiedBeforeDeletion = verified ? service.resourceTypes.map(({ name }) => name) : [];
    const input = { service, context: contextOf(), phase: 'apply', deadline: 60_000 } as const;
    const confirmation = Confirmation.fromAnswers(PROJECT, [0, 9], 1);
    return (await runProjectCleanup({ ...input, confirmation, verifiedBeforeDeletion })).outcome;
  };
  expect((await outcome(true)).kind).toBe('finished');
  expect((await outcome(false)).kind).toBe('unreachable');
});

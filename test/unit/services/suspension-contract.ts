import { resumeService } from '../../../lib/task/resume-run.ts';
import type { RunReport } from '../../../lib/task/run.ts';
import type { Service } from '../../../lib/task/service.ts';
import { suspendService } from '../../../lib/task/suspend-run.ts';
import { chosenTypes } from '../../../lib/task/suspension.ts';
import type { Documented } from '../../cloud/documented.ts';
import type { Effect, Fault } from '../../cloud/faults.ts';
import { MemoryRecords } from '../../suspension-records.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

interface SuspensionContract {
  readonly with?: readonly Documented[];
  readonly others?: readonly Service[];
  readonly role?: string;
  readonly prepare?: (stage: CleanupFixture) => void;
}

/** Changes of a load balancer or of a container that end during the next run. */
const QUICK = { documented: 5, server: 5, account: 5 };
const MAX_RUNS = 40;
/** Fields with counts or times of changes. A resume cannot restore them. */
const VOLATILE = new Set(['updated', 'updated_at', 'actions', 'revision_number']);

/**
 * The tests that suspend and resume of every service must pass on the rehearsal cloud, once with
 * each option of the policy file. They compare every field before and after, with any behavior of
 * the API in between. `testServiceContract` calls them for each service with a suspension.
 */
export function testSuspensionContract(service: Service, contract: SuspensionContract): void {
  const types = (service.suspension?.types ?? []).map((type) => type(service.name));
  const options = new Set(types.flatMap((type) => type.options ?? ['']));
  const name: string = service.name;
  let stage: CleanupFixture;
  let records: MemoryRecords;
  let option: string;

  const run = async (action: 'suspend' | 'resume'): Promise<RunReport> => {
    const input = {
      service: service.name,
      types: action === 'suspend' ? types : types.toReversed(),
      options: option === '' ? undefined : [option],
      context: await stage.context(service),
      suspensionRecords: records,
      phase: 'apply' as const,
      settleAt: 0,
      deadline: Date.now() + 60_000,
      concurrency: service.concurrency,
      mayContinue: async () => true,
    };
    return action === 'suspend' ? suspendService(input) : resumeService(input);
  };
  /** Runs until the task has ended, a moment apart. */
  const ended = async (action: 'suspend' | 'resume'): Promise<RunReport> => {
    for (let runs = 1; ; runs += 1) {
      const report = await run(action);
      if (report.outcome.kind !== 'again' || runs === MAX_RUNS) return report;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const inject = (fault: Omit<Fault, 'service'>) =>
    stage.rehearsal.faults.inject({ service: name, ...fault });
  /** Makes the API give this answer to the first changes, for any method. */
  const spoilChanges = (effect: Effect, after: number): void => {
    for (const method of ['POST', 'PUT', 'PATCH']) inject({ method, after, times: 1, effect });
  };
  const isRead = ({ method }: { method: string }): boolean => method === 'GET' || method === 'HEAD';
  const changes = () =>
    stage.rehearsal.calls.filter((call) => call.service === name && !isRead(call));

  /**
   * All fields of the project in the service: the rows of the cloud, and the listings of the
   * suspension. Limits are compared only by the listings, because a default that was written back
   * is a separate row.
   */
  const state = async (): Promise<unknown> => {
    const context = await stage.context(service);
    const listed = chosenTypes(types, [option]).map(async ({ type, option: chosen }) => {
      const rows = await type.list(context);
      return rows
        .filter(({ owner }) => owner === stage.project)
        .map((row) => [row.id, row.assess(chosen)] as const)
        .toSorted(([one], [other]) => one.localeCompare(other));
    });
    const rows = Object.entries(stage.rehearsal.store.rows(name, stage.project));
    return JSON.parse(
      JSON.stringify(
        [
          await Promise.all(listed),
          rows.filter(([type]) => !type.endsWith('.quota')),
          stage.rehearsal.state.images.images.where((row) => row.owner === stage.project),
          stage.rehearsal.state.accounts.get(`AUTH_${stage.project}`),
        ],
        (key, value) =>
          VOLATILE.has(key)
            ? undefined
            : value instanceof Map || value instanceof Set
              ? [...value]
              : value,
      ),
    );
  };
  const suspended = async (): Promise<void> => {
    expect((await ended('suspend')).outcome).toEqual({ kind: 'finished' });
    const all = await records.all();
    expect(all.length).toBeGreaterThan(0);
    const context = await stage.context(service);
    for (const { type } of chosenTypes(types, [option]))
      for (const row of await type.list(context)) {
        const record = all.find(
          (one) => one.id === row.id && one.resourceType === type.resourceType,
        );
        if (record)
          expect([row.id, row.compare(record.recordedState)]).toEqual([
            row.id,
            { kind: 'suspended' },
          ]);
      }
    expect(stage.controlsAreUntouched).toBe(true);
  };
  const resumed = async (before: unknown): Promise<void> => {
    expect((await ended('resume')).outcome).toEqual({ kind: 'finished' });
    expect(await records.all()).toEqual([]);
    expect(await state()).toEqual(before);
    expect(stage.controlsAreUntouched).toBe(true);
  };

  describe.each([...options])(`${name} keeps the contract of suspend and resume: %s`, (chosen) => {
    beforeEach(async () => {
      option = chosen;
      records = new MemoryRecords();
      stage = await CleanupFixture.open({ with: contract.with ?? [], durations: QUICK });
      stage.others = contract.others ?? [];
      await stage.grantCleaner(contract.role);
      contract.prepare?.(stage);
      stage.rememberControls();
    });
    afterEach(() => stage?.close());

    it('changes at least one resource, and the resume restores every field', async () => {
      const before = await state();
      await suspended();
      expect(await state()).not.toEqual(before);
      await resumed(before);
      expect(changes().filter(({ method }) => method === 'DELETE')).toEqual([]);
    });

    it('makes no call and keeps the records when it is suspended twice', async () => {
      const before = await state();
      await suspended();
      const recorded = await records.all();
      stage.rehearsal.calls.length = 0;
      await suspended();
      expect(changes()).toEqual([]);
      expect(await records.all()).toEqual(recorded);
      await resumed(before);
    });

    it('ends after 409, 429, 500 and a lost answer, in suspend and in resume', async () => {
      const before = await state();
      const spoil = (): void => {
        spoilChanges({ does: 'answer', status: 409 }, 0);
        spoilChanges({ does: 'answer', status: 429, retryAfter: 0 }, 1);
        spoilChanges({ does: 'answer', status: 500 }, 2);
        spoilChanges({ does: 'reset-after' }, 3);
      };
      spoil();
      await suspended();
      stage.rehearsal.faults.clear();
      spoil();
      await resumed(before);
    });

    it.each([
      ['500', { does: 'answer', status: 500 }],
      ['half a page', { does: 'cut-body' }],
      ['a broken connection', { does: 'cut-connection' }],
    ] as const)('does not finish with %s in a listing', async (_title, effect) => {
      const before = await state();
      const fault = inject({ effect });
      expect((await run('suspend')).outcome.kind).not.toBe('finished');
      expect(fault.hits).toBeGreaterThan(0);
      fault.clear();
      expect(await state()).toEqual(before);
      await suspended();
      const again = inject({ effect });
      expect((await run('resume')).outcome.kind).not.toBe('finished');
      again.clear();
      await resumed(before);
    });

    it('changes no row of another project when the API ignores the filter', async () => {
      const before = await state();
      inject({ effect: { does: 'ignore-filter' } });
      await suspended();
      await resumed(before);
    });

    it('finishes if resources are deleted during a change, or if none is left at the resume', async () => {
      spoilChanges({ does: 'answer', status: 404 }, 0);
      await suspended();
      await stage.runUntilEnd(service);
      stage.rememberControls();
      stage.rehearsal.calls.length = 0;
      expect((await ended('resume')).outcome).toEqual({ kind: 'finished' });
      expect(await records.all()).toEqual([]);
      expect(stage.controlsAreUntouched).toBe(true);
    });
  });
}

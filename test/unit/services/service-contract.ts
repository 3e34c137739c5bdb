import type { RunReport } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import type { Service } from '../../../lib/task/service.ts';
import type { Documented } from '../../cloud/documented.ts';
import type { Fault } from '../../cloud/faults.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testSuspensionContract } from './suspension-contract.ts';

export interface ContractOptions {
  /**
   * The services whose fakes are necessary, first the service under test; empty for a core service.
   */
  readonly with?: readonly Documented[];
  /**
   * Paths of lists, without those for which an ignored filter makes no sense.
   * Default: all GETs.
   */
  readonly listings?: RegExp;
  /**
   * True if some types are not listed by GET, so that `listings` applies to any method:
   * Gnocchi searches with POST.
   */
  readonly listsWithPost?: boolean;
  /** Methods and paths of removals; default: every DELETE. */
  readonly removals?: readonly Pick<Fault, 'method' | 'path'>[];
  /** False if the deletions are synchronous, so that none can be endless. */
  readonly asynchronous?: boolean;
  /** Resource types whose owner is not known, so that no resource of them can be removed. */
  readonly untellable?: readonly string[];
  /** False if the rows don't name the owner (the path does). */
  readonly ownerInRow?: boolean;
  /**
   * Resource types whose rows name no owner themselves: another service or their address does, so
   * that dropping it from the rows does not hide it.
   */
  readonly ownerElsewhere?: readonly string[];
  /** Services that it calls about its resources: core services exist, others only with `with`. */
  readonly others?: readonly Service[];
  /** The cleaner's role on the existing project; default `admin`. */
  readonly role?: string;
  /**
   * Resource types that are only reported and never removed: machines. They are left, and the task
   * ends without them.
   */
  readonly retained?: readonly string[];
  /** Adds resources that suspend switches, if the project of the test has none that run. */
  readonly prepare?: (stage: CleanupFixture) => void;
}

/**
 * The tests that every service file must pass on the rehearsal cloud. The project is emptied
 * completely, and no other project changes, even if the API fails or ignores a filter. The tests
 * check the resources afterwards, not the calls.
 */
export function testServiceContract(service: Service, options: ContractOptions = {}): void {
  const { removals = [{ method: 'DELETE' }], asynchronous = true, ownerInRow = true } = options;
  const name: string = service.name;
  const listing = {
    ...(options.listsWithPost ? {} : { method: 'GET' }),
    ...(options.listings ? { path: options.listings } : {}),
  };
  const isListing = (call: { method: string; path: string }): boolean =>
    call.method === 'GET' ||
    call.method === 'HEAD' ||
    (options.listsWithPost === true &&
      call.method === 'POST' &&
      options.listings?.test(call.path) === true);
  let fixture: CleanupFixture;
  const open = async (): Promise<void> => {
    fixture = await CleanupFixture.open({ with: options.with ?? [], durations: QUICK });
    fixture.others = options.others ?? [];
    await fixture.grantCleaner(options.role);
  };
  afterEach(() => fixture?.close());
  /**
   * Uses a token on the project if the service requires one, because only then all resources can be
   * removed.
   */
  const empty = (): Promise<RunReport> => fixture.runUntilEnd(service);
  const inject = (fault: Omit<Fault, 'service'>) =>
    fixture.rehearsal.faults.inject({ service: name, ...fault });
  const emptied = async (report: RunReport): Promise<void> => {
    expect(report.outcome).toEqual({ kind: 'finished' });
    const retained = (resource: string) =>
      (options.retained ?? []).some((resourceType) => resource.startsWith(`${resourceType} `));
    expect(fixture.left(name).filter((resource) => !retained(resource))).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  };

  if (service.suspension) testSuspensionContract(service, options);

  describe(`${name} keeps the contract of every service`, () => {
    beforeEach(open);

    it('removes a resource of every type', async () => {
      const before = fixture.left(name);
      expect(before.length).toBeGreaterThan(0);
      const found = new Set<string>();
      const count = ({ counts, conditions }: RunReport) => {
        for (const [resourceType, { listed }] of Object.entries(counts))
          if (listed > 0) found.add(resourceType);
        // Rows of other projects in a list mean that the call lacked a filter that the API has.
        expect(conditions.filter((condition) => condition.class === 'Unexpected')).toEqual([]);
      };
      await emptied(await fixture.runUntilEnd(service, {}, count));
      const resourceTypes = service.resourceTypes
        .map((resourceType): string => resourceType.name)
        .filter((resourceType) => !options.untellable?.includes(resourceType));
      expect([...found].sort()).toEqual(resourceTypes.sort());
    });

    it('changes nothing in phase plan', async () => {
      const before = fixture.left(name);
      await fixture.plan(service);
      expect(fixture.left(name)).toEqual(before);
      expect(fixture.controlsAreUntouched).toBe(true);
    });

    it('finishes after 409, 429 with Retry-After and 500 on removals', async () => {
      for (const removal of removals) {
        inject({ ...removal, times: 1, effect: { does: 'answer', status: 409 } });
        inject({
          ...removal,
          after: 1,
          times: 1,
          effect: { does: 'answer', status: 429, retryAfter: 0 },
        });
        inject({ ...removal, after: 2, times: 1, effect: { does: 'answer', status: 500 } });
      }
      await emptied(await empty());
    });

    it.each([
      ['500', { does: 'answer', status: 500 }],
      ['a truncated body', { does: 'cut-body' }],
      ['a broken connection', { does: 'cut-connection' }],
    ] as const)('does not treat %s in a list as empty', async (_title, effect) => {
      const fault = inject({ ...listing, effect });
      const report = await fixture.run(service);
      expect(fault.hits).toBeGreaterThan(0);
      expect(report.outcome.kind).not.toBe('finished');
      expect(report.outcome.kind).not.toBe('unreachable');
      expect(fixture.controlsAreUntouched).toBe(true);
      fault.clear();
      await emptied(await empty());
    });

    it('changes no row of another project when the API ignores the filter', async () => {
      inject({ ...listing, effect: { does: 'ignore-filter' } });
      await empty();
      expect(fixture.controlsAreUntouched).toBe(true);
    });

    if (ownerInRow)
      it('never changes a row without an owner', async () => {
        const shown = (resourceType: string): boolean =>
          !options.ownerElsewhere?.some((one) => resourceType.startsWith(`${name}.${one} `));
        const before = fixture.left(name).filter(shown);
        const fault = inject({ ...listing, effect: { does: 'drop-owner' } });
        const report = await fixture.run(service);
        expect(report.outcome.kind).not.toBe('finished');
        expect(fixture.left(name).filter(shown)).toEqual(before);
        expect(fixture.controlsAreUntouched).toBe(true);
        fault.clear();
        await emptied(await empty());
      });

    if (asynchronous)
      it('is not finished when a deletion never ends', async () => {
        for (const removal of removals) inject({ ...removal, effect: { does: 'endless' } });
        const report = await fixture.run(service);
        expect(report.outcome).toMatchObject({ kind: 'again' });
        expect(fixture.left(name).length).toBeGreaterThan(0);
        expect(fixture.controlsAreUntouched).toBe(true);
      });

    it('is absent if the catalog does not have it', async () => {
      fixture.rehearsal.hide(name);
      fixture.rehearsal.expireTokens();
      const { registrations } = await fixture.cloud.registry();
      const own = registrations.filter(({ type }) => service.catalogTypes.includes(type));
      expect(own).toEqual([]);
      expect(await fixture.cloud.api(service, 'RegionOne')).toBeUndefined();
    });

    if (service.resourceTypes.some((resourceType) => resourceType.requiresLiveProject))
      it('reports the unreachable types after the project is deleted, and is not finished', async () => {
        const before = fixture.left(name);
        const report = await fixture.applyUntilEnd(service, { projectApi: undefined });
        expect(report.outcome).toMatchObject({ kind: 'unreachable' });
        expect(report.conditions).toContainEqual(
          expect.objectContaining({
            class: 'Unsupported',
            actor: 'operator',
            advice: expect.any(String),
          }),
        );
        expect(before.length).toBeGreaterThan(0);
        expect(fixture.controlsAreUntouched).toBe(true);
      });

    it('only lists when the project has no resources', async () => {
      await emptied(await empty());
      fixture.rehearsal.calls.length = 0;
      const confirmation = Confirmation.fromAnswers(fixture.project, [0, 5000], 5000);
      expect(confirmation).toBeDefined();
      await empty();
      expect(
        fixture.rehearsal.calls.filter((call) => call.service === name && !isListing(call)),
      ).toEqual([]);
    });
  });
}

/** Deletions that end during the next run. */
export const QUICK = {
  server: 5,
  volume: 5,
  snapshot: 5,
  backup: 5,
  group: 5,
  groupSnapshot: 5,
  account: 5,
  documented: 5,
};

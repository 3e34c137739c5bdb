import { ProjectId, type ResourceTypeName } from '../../../events/ids.ts';
import type { ProjectCleanupInput } from '../../../lib/task/cleanup-input.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { type Blocker, defineService, defineType } from '../../../lib/task/service.ts';
import { contextOf } from './context.ts';

const TARGET = ProjectId.parse('target');

type Dependencies = NonNullable<Parameters<typeof defineType>[0]['dependsOn']>;

/**
 * A resource type. `rows`: the rows of each listing; the last element is listed repeatedly.
 * `isSlow`: the service only accepts a removal.
 */
const listedType = (
  name: string,
  rows: string[][],
  {
    isSlow = false,
    dependsOn = [],
    removed = [],
  }: { isSlow?: boolean; dependsOn?: Dependencies; removed?: string[] } = {},
) =>
  defineType({
    name,
    dependsOn,
    list: async () => (rows.length > 1 ? (rows.shift() ?? []) : (rows[0] ?? [])),
    id: (row) => row,
    owner: () => TARGET,
    remove: async (row) => {
      removed.push(row);
      return { kind: isSlow ? 'accepted' : 'gone' };
    },
  });

/** Runs a cleanup of a service with these resource types. */
const runTypes = (
  resourceTypes: Parameters<typeof defineService>[0]['resourceTypes'],
  input: Partial<ProjectCleanupInput> = {},
) =>
  runProjectCleanup({
    service: defineService({
      name: 'compute',
      catalogTypes: ['compute'],
      concurrency: 2,
      resourceTypes: resourceTypes ?? [],
    }),
    context: contextOf(),
    phase: 'apply',
    confirmation: Confirmation.fromAnswers(TARGET, [0, 5000], 5000),
    deadline: 60_000,
    ...input,
  });

/**
 * Runs a cleanup of servers and grants. Returns how often each type was listed, and the report.
 * `blocked`: the blocker of the servers in this listing.
 */
async function runOf(
  blocked: (listing: number) => Blocker | undefined,
  input: Partial<ProjectCleanupInput> = {},
) {
  const listings = { server: 0, access: 0 };
  const grants = [{ id: 'grant' }];
  const server = defineType({
    name: 'server',
    independentOf: ['other'],
    list: async () => {
      listings.server += 1;
      return [{ id: 'server' }, { id: 'fast server' }];
    },
    id: ({ id }) => id,
    owner: () => TARGET,
    blocked: () => blocked(listings.server),
    remove: async ({ id }) => ({ kind: id === 'server' ? 'accepted' : 'gone' }),
  });
  const access = defineType({
    name: 'access',
    independentOf: ['other'],
    list: async () => {
      listings.access += 1;
      return [...grants];
    },
    id: ({ id }) => id,
    owner: () => TARGET,
    remove: async () => {
      grants.length = 0;
      return { kind: 'gone' };
    },
  });
  const report = await runTypes([server, access], input);
  return { listings, report };
}

describe('a run after which only deletions in progress are left', () => {
  it('lists only the emptied types again and ends, so that other services can begin', async () => {
    const { listings, report } = await runOf(() => undefined);
    expect(listings).toEqual({ server: 1, access: 2 });
    expect(report.verification).toEqual({
      'compute.server': 'present',
      'compute.access': 'empty',
    });
    expect(report.outcome).toMatchObject({ kind: 'again', afterSeconds: 0 });
    expect(report.conditions).toContainEqual(expect.objectContaining({ class: 'InProgress' }));
    expect(report.counts).toMatchObject({
      'compute.server': { listed: 2, left: 1 },
      'compute.access': { listed: 1, left: 0 },
    });
  });

  it('removes no guard after the second listing has shown a new workload', async () => {
    const removed: string[] = [];
    const report = await runTypes([
      listedType('server', [['server']], { isSlow: true, removed }),
      listedType('workload', [[], ['late workload']], { isSlow: true, removed }),
      listedType('guard', [['guard'], ['second guard']], {
        removed,
        dependsOn: [{ types: ['workload'], strength: 'required', until: 'empty' }],
      }),
    ]);
    expect(removed).toEqual(expect.arrayContaining(['server', 'guard', 'late workload']));
    expect(removed).not.toContain('second guard');
    expect(report.outcome.kind).toBe('again');
    expect(report.verification).toMatchObject({ 'compute.workload': 'present' });
  });

  it('does not end as finished with a listing from before its last removal', async () => {
    const report = await runTypes([
      listedType('log', [[], ['written by the removal']]),
      listedType('server', [['server'], []], { isSlow: true }),
      listedType('access', [['grant'], []], {
        dependsOn: [{ types: ['server'], strength: 'preferred', until: 'done' }],
      }),
    ]);
    expect(report.outcome.kind).not.toBe('finished');
  });

  it('continues if a resource was blocked, because another removal may have freed it', async () => {
    const accessFirst: Blocker = { message: 'the access must go first', actor: 'none' };
    const { listings } = await runOf((listing) => (listing === 1 ? accessFirst : undefined));
    expect(listings.server).toBe(2);
  });

  it('delays the next run by the usual duration of a deletion, except after a partial run', async () => {
    const recordedTypes: string[] = [];
    const recordListingAndGetWaitMillis = (type: ResourceTypeName): number => {
      recordedTypes.push(type);
      return 2000;
    };
    const full = await runOf(() => undefined, { recordListingAndGetWaitMillis });
    expect(full.report.outcome).toMatchObject({ kind: 'again', afterSeconds: 2 });
    expect(recordedTypes).toContain('compute.server');
    recordedTypes.length = 0;
    const partial = await runOf(() => undefined, {
      recordListingAndGetWaitMillis,
      awaitedServices: ['other'],
    });
    expect(partial.report.outcome).toMatchObject({ kind: 'again', afterSeconds: 0 });
    expect(recordedTypes).toEqual([]);
  });
});

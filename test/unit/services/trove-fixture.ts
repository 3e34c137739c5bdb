import { trove as troveService } from '../../../lib/services/trove.ts';
import type { RunReport } from '../../../lib/task/run.ts';
import type { ProjectContext } from '../../../lib/task/service.ts';
import type { CloudOptions } from '../../cloud/cloud.ts';
import { trove } from '../../cloud/documented/trove.ts';
import { type Instance, troveOf } from '../../cloud/documented/trove-rows.ts';
import { TimedFixture } from './timed-fixture.ts';

/** The cloud of the current test. */
export let timed: TimedFixture;

export const tables = () => troveOf(timed.fixture.rehearsal.state);

export const left = (resourceType?: string): string[] =>
  timed.fixture
    .left('trove')
    .filter(
      (resource) => resourceType === undefined || resource.startsWith(`trove.${resourceType} `),
    )
    .sort();

export const instanceNamed = (name: string, owner = timed.project): Instance => {
  const [row] = tables().instances.where((one) => one.name === name && one.tenant_id === owner);
  if (!row) throw new TypeError(`no instance ${name}`);
  return row;
};

export const callsOf = (method: string, path: RegExp) =>
  timed.fixture.rehearsal.calls.filter(
    (call) => call.service === 'trove' && call.method === method && path.test(call.path),
  );

/**
 * The outcome after the deletion of the project: all resources are removed except configuration
 * groups, which can no longer be listed.
 */
export const UNREACHABLE = {
  kind: 'unreachable',
  because: expect.stringContaining('configuration groups'),
};

export const CONFIGURATIONS = ['trove.configuration tuned', 'trove.configuration unused'];

/** Runs phase `pre-delete` up to twelve times, ten seconds apart, and returns the last report. */
export const preDelete = async (
  role: string,
  more: Partial<ProjectContext> = {},
): Promise<RunReport> => {
  await timed.fixture.grantCleaner(role);
  for (let runs = 1; ; runs += 1) {
    const report = await timed.fixture.preDelete(troveService, {
      now: () => timed.clock.now(),
      ...more,
    });
    if (report.outcome.kind !== 'again' || runs === 12) return report;
    timed.clock.advance(10_000);
  }
};

/** Replaces the cloud of the current test. */
export async function reopen(options: Omit<CloudOptions, 'clock'>): Promise<void> {
  await timed.fixture.close();
  timed = await TimedFixture.open(options);
}

/** Gives each test of the file a new cloud with Trove. */
export function openTroveForEachTest(): void {
  beforeEach(async () => {
    timed = await TimedFixture.open({ with: [trove], durations: { documented: 5000 } });
  });
  afterEach(() => timed.fixture.close());
}

import { ProjectId } from '../../../events/ids.ts';
import type { Phase } from '../../../events/service.ts';
import { connectCloud } from '../../../lib/openstack/connect.ts';
import { createMemoize } from '../../../lib/task/memoize.ts';
import { type RunReport, runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import type { ProjectContext, Service } from '../../../lib/task/service.ts';
import type { RehearsalCloud } from '../../cloud/cloud.ts';
import { loginOf } from '../../cloud/login.ts';

/** The propagator of one service on a rehearsal cloud: logged in over HTTP, one run at a time. */
export interface Cleaner {
  run(projectId: string, phase?: Phase): Promise<RunReport>;
  /** Runs once as long as the awaited services have not ended. */
  runPartially(projectId: string, awaitedServices: readonly string[]): Promise<RunReport>;
  /** Repeats the run while its outcome is `again`, at most `maxRuns` times. */
  runUntilEnd(projectId: string, maxRuns?: number): Promise<RunReport>;
  /** The waits that calls requested, in seconds (`Retry-After`). The tests do not really wait. */
  readonly waitedSeconds: number[];
  close(): Promise<void>;
}

const REGION = 'RegionOne';

/** `services`: the other services that the service under test may call. */
export function cleanerOf(
  cloud: RehearsalCloud,
  service: Service,
  services: readonly Service[] = [],
): Cleaner {
  const waitedSeconds: number[] = [];
  const connected = connectCloud(loginOf(cloud.credentials), {
    sleep: async (seconds) => void waitedSeconds.push(seconds),
  });
  const run = async (
    projectId: string,
    phase: Phase = 'apply',
    awaitedServices: readonly string[] = [],
  ): Promise<RunReport> => {
    const project = ProjectId.parse(projectId);
    const api = await connected.api(service, REGION);
    if (!api) throw new Error(`the catalog has no ${service.name}`);
    const apiOf: ProjectContext['apiOf'] = (name) =>
      connected.api(
        services.find((each) => each.name === name) ?? {
          ...service,
          catalogTypes: [name],
          microversion: undefined,
        },
        REGION,
      );
    const confirmation = Confirmation.fromAnswers(project, [0, 10_000], 10_000);
    const context: ProjectContext = {
      project,
      region: REGION,
      api,
      members: undefined,
      projectApi: undefined,
      now: Date.now,
      memoize: createMemoize(),
      apiOf,
    };
    return runProjectCleanup({
      service,
      context,
      phase,
      awaitedServices,
      confirmation,
      deadline: Date.now() + 60_000,
    });
  };
  return {
    run: (projectId, phase) => run(projectId, phase),
    runPartially: (projectId, awaitedServices) => run(projectId, 'apply', awaitedServices),
    async runUntilEnd(projectId, maxRuns = 10) {
      let report = await run(projectId);
      for (let n = 1; n < maxRuns && report.outcome.kind === 'again'; n += 1)
        report = await run(projectId);
      return report;
    },
    waitedSeconds,
    close: () => connected.close(),
  };
}

import { ProjectId } from '../../events/ids.ts';
import type { Phase } from '../../events/service.ts';
import { Confirmation } from '../../lib/cleanup/laws.ts';
import { cleanupPass, freshOnce, type PassReport } from '../../lib/cleanup/pass.ts';
import type { Reach, Service } from '../../lib/cleanup/service.ts';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { readCredentials } from '../../lib/openstack/credentials.ts';
import type { RehearsalCloud } from '../cloud/cloud.ts';

/** The propagator's side of a rehearsal cloud, for one service: logged in over HTTP, one pass at a time. */
export interface Cleaner {
  pass(projectId: string, phase?: Phase): Promise<PassReport>;
  /** Passes until one ends otherwise than `again`, at most `most`. */
  passes(projectId: string, most?: number): Promise<PassReport>;
  /** Seconds that `Retry-After` made a call wait; nothing really waits. */
  readonly waited: number[];
  close(): Promise<void>;
}

const REGION = 'RegionOne';

/** `services`: those that the service under test may ask. */
export function cleanerOf(cloud: RehearsalCloud, service: Service, services: readonly Service[] = []): Cleaner {
  const waited: number[] = [];
  const connected = connectCloud(readCredentials({ env: cloud.credentials, readFile: () => undefined, home: '/none', cwd: '/none' }), {
    sleep: async (seconds) => void waited.push(seconds),
  });
  const pass = async (projectId: string, phase: Phase = 'clean'): Promise<PassReport> => {
    const project = ProjectId.parse(projectId);
    const api = await connected.api(service, REGION);
    if (!api) throw new Error(`the catalog has no ${service.name}`);
    const other: Reach['other'] = (name) =>
      connected.api(services.find((each) => each.name === name) ?? { ...service, catalogTypes: [name], microversion: undefined }, REGION);
    const confirmation = Confirmation.of(project, [0, 10_000], 10_000);
    const reach: Reach = {
      project,
      region: REGION,
      api,
      members: undefined,
      onProject: undefined,
      now: Date.now,
      once: freshOnce(),
      other,
    };
    return cleanupPass({ service, reach, phase, confirmation, deadline: Date.now() + 60_000 });
  };
  return {
    pass,
    async passes(projectId, most = 10) {
      let report = await pass(projectId);
      for (let n = 1; n < most && report.outcome.is === 'again'; n += 1) report = await pass(projectId);
      return report;
    },
    waited,
    close: () => connected.close(),
  };
}

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { ProjectId } from '../../events/ids.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { readCredentials } from '../../lib/openstack/credentials.ts';
import { createMemoize } from '../../lib/task/memoize.ts';
import { resumeService } from '../../lib/task/resume-run.ts';
import type { RunReport } from '../../lib/task/run.ts';
import type { Service } from '../../lib/task/service.ts';
import { suspendService } from '../../lib/task/suspend-run.ts';
import type { SuspensionRecords } from '../../lib/task/suspension-records.ts';

/** Logs in as the propagator does: with the `OS_*` variables, or a clouds.yaml of this machine. */
export const connectPropagator = (env: NodeJS.ProcessEnv = process.env): Cloud =>
  connectCloud(
    readCredentials({
      env,
      readFile: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
      home: homedir(),
      cwd: process.cwd(),
    }),
  );

/** Runs suspend or resume of one service on a project once, as an operation would. */
export async function lifecycleRun(
  cloud: Cloud,
  input: {
    readonly action: 'suspend' | 'resume';
    readonly service: Service;
    readonly project: string;
    readonly region: string;
    readonly options: readonly string[];
    readonly records: SuspensionRecords;
  },
): Promise<RunReport> {
  const { action, service, region } = input;
  const api = await cloud.api(service, region);
  if (!api) throw new Error(`the catalog has no ${service.name}`);
  const types = (service.suspension?.types ?? []).map((type) => type(service.name));
  const run = action === 'suspend' ? suspendService : resumeService;
  return run({
    service: service.name,
    types: action === 'suspend' ? types : types.toReversed(),
    options: input.options,
    context: {
      project: ProjectId.parse(input.project),
      region,
      api,
      projectApi: undefined,
      members: undefined,
      apiOf: async () => undefined,
      now: Date.now,
      memoize: createMemoize(),
    },
    suspensionRecords: input.records,
    phase: 'apply',
    settleAt: 0,
    deadline: Date.now() + 60_000,
    concurrency: 4,
    mayContinue: async () => true,
  });
}

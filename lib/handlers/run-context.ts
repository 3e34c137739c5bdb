import type { ProjectId } from '../../events/ids.ts';
import type { Phase, ServiceRequested } from '../../events/service.ts';
import { createMemoize } from '../task/memoize.ts';
import { readOnlyApi } from '../task/read-only.ts';
import type {
  CommonContext,
  ProjectContext,
  Service,
  ServiceApi,
  SilenceWatch,
} from '../task/service.ts';
import { otherApiFinder } from './endpoints.ts';
import { type StopDeps, stoppableApi } from './stop-switch.ts';
import type { TaskDeps, TaskWithOperation } from './task-deps.ts';

/** One run of a service: the data of its request, and the stored operation and task. */
export interface ServiceRun extends TaskWithOperation {
  readonly service: Service;
  readonly data: ServiceRequested['data'];
  readonly deps: TaskDeps;
}

/** Returns the part of the context that all actions share. The APIs of a plan refuse changes. */
export function commonContext(
  { data, deps, operation, service }: ServiceRun,
  api: ServiceApi,
  watch: SilenceWatch | undefined,
): CommonContext {
  const isPlan = operation.action === 'plan';
  const findApi = otherApiFinder(service, data.region, {
    ...deps,
    waivers: () => deps.engine.reads.coverageWaivers(),
  });
  return {
    region: data.region,
    api: isPlan ? readOnlyApi(api) : api,
    projectApi: undefined,
    now: deps.now,
    memoize: createMemoize(),
    apiOf: async (name) => {
      const otherApi = watchedApi(await apiWithStopSwitch(findApi(name), data.phase, deps), watch);
      return otherApi && isPlan ? readOnlyApi(otherApi) : otherApi;
    },
  };
}

/** Returns the APIs with a token on the project. Only phase `pre-delete` has them. */
export async function projectApis(
  { data: { phase, region }, deps, service }: ServiceRun,
  project: ProjectId,
): Promise<Pick<ProjectContext, 'projectApi' | 'memberApi'>> {
  if (phase !== 'pre-delete') return { projectApi: undefined };
  const projectApi = await apiWithStopSwitch(deps.cloud.api(service, region, project), phase, deps);
  if (!projectApi) return { projectApi };
  const memberApi = () =>
    apiWithStopSwitch(deps.cloud.api(service, region, project, 'member'), phase, deps);
  return { projectApi, memberApi };
}

/** Returns the API with the watch. The watch counts the answers and can abort the calls. */
const watchedApi = <Api extends ServiceApi | undefined>(
  api: Api,
  watch: SilenceWatch | undefined,
) => (watch ? (api?.withWatch?.(watch) ?? api) : api);

/**
 * Returns an API that refuses changes while the stop switch is set. In phase `plan` the API is
 * returned unchanged, because the phase only reads.
 */
const apiWithStopSwitch = async (
  apiPromise: Promise<ServiceApi | undefined>,
  phase: Phase,
  deps: StopDeps,
): Promise<ServiceApi | undefined> => {
  const api = await apiPromise;
  return api && phase !== 'plan' ? stoppableApi(api, deps) : api;
};

/**
 * Returns the API client for the calls of a run. It has the watch and, if the phase may change
 * resources, the stop switch. Returns `undefined` if the catalog has no endpoint of the service in
 * the region.
 */
export async function apiOfRun(
  service: Service,
  { phase, region }: Pick<ServiceRequested['data'], 'phase' | 'region'>,
  deps: TaskDeps,
  watch: SilenceWatch | undefined,
): Promise<ServiceApi | undefined> {
  return watchedApi(await apiWithStopSwitch(plainApi(service, region, deps), phase, deps), watch);
}

/**
 * Returns the API client of a service, without a watch and stop switch. A plugin without a catalog
 * type has no endpoint, and its client refuses every call.
 */
async function plainApi(
  service: Service,
  region: string,
  deps: TaskDeps,
): Promise<ServiceApi | undefined> {
  if (service.catalogTypes.length > 0) return deps.cloud.api(service, region);
  const refuseCall = () =>
    Promise.reject(new TypeError(`${service.name} names no catalog type, so it has no API here`));
  return {
    service: service.name,
    region,
    endpoint: '',
    ownProject: (await deps.cloud.ownProject()).id,
    request: refuseCall,
    list: refuseCall,
  };
}

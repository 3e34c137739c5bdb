import type { ProjectId, ServiceName } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { DesiredState } from '../operation/model.ts';
import { cloudSnapshot, type KnownServices } from '../operation/snapshot.ts';
import type { AccountFacts } from '../policy/decide.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import type { ProvisionItem } from '../task/provision.ts';
import { compareWithProfile } from '../task/provision-run.ts';
import type { Service, ServiceApi } from '../task/service.ts';
import { missingEndpointError, otherApiFinder, readRegistry } from './endpoints.ts';
import { provisionSnapshot } from './provision.ts';
import { provisionRecords } from './provision-store.ts';

/** One service of a profile, compared with the state of the project. */
export interface ComparedService {
  readonly service: string;
  readonly region: string;
  readonly items: readonly Omit<ProvisionItem, 'make' | 'canDuplicate'>[];
  /** Set if the service could not be compared: the cloud lacks the service, or a call failed. */
  readonly error?: Pick<ErrorReport, 'message' | 'advice'>;
}

/** The dependencies of {@link compareProject}. */
export interface CompareDeps extends Pick<KnownServices, 'optedInServices'> {
  readonly engine: Pick<Engine, 'reads'>;
  readonly cloud: Pick<Cloud, 'api' | 'registry'>;
  readonly services: readonly Service[];
  now(): number;
}

/**
 * Compares a project with a profile, in every service that the profile names. The error of a
 * service is in its result. Throws when Keystone cannot list the services.
 */
export async function compareProject(
  facts: AccountFacts & { readonly id: ProjectId },
  desired: DesiredState,
  deps: CompareDeps,
): Promise<ComparedService[]> {
  const registry = await readRegistry(deps.cloud);
  const snapshot = cloudSnapshot(registry, 'project', { ...deps, httpPlugins: [] });
  const { services } = provisionSnapshot(snapshot, desired, deps.services);
  const comparisons = services.flatMap(
    (service): readonly (ComparedService | Promise<ComparedService>)[] => {
      const { name, regions, absentBecause, skippedBecause, uncallableRegistrations } = service;
      if (regions.length > 0 && skippedBecause === undefined)
        return regions.map((region) => compareService(name, region, facts, desired, deps));
      const because = skippedBecause ?? uncallableRegistrations?.[0]?.because ?? absentBecause;
      const message = because ?? 'it is not in the cloud';
      return [failedComparison(name, '', { message, advice: '' })];
    },
  );
  return Promise.all(comparisons);
}

const failedComparison = (
  service: string,
  region: string,
  { message, advice }: Pick<ErrorReport, 'message' | 'advice'>,
): ComparedService => ({ service, region, items: [], error: { message, advice } });

async function compareService(
  name: ServiceName,
  region: string,
  facts: AccountFacts & { readonly id: ProjectId },
  desired: DesiredState,
  deps: CompareDeps,
): Promise<ComparedService> {
  const service = deps.services.find((one) => one.name === name);
  try {
    const api = service && (await deps.cloud.api(service, region));
    if (!api || !service.provision)
      return failedComparison(name, region, missingEndpointError({ name }, region));
    const context = comparisonContext(service, region, api, facts, deps);
    const items = await compareWithProfile({
      provision: service.provision,
      section: desired.sections[name],
      phase: 'plan',
      contextOf: (shared) => ({ ...shared, ...context }),
    });
    return {
      service: name,
      region,
      items: items.map(({ make: _, canDuplicate: __, ...item }) => item),
    };
  } catch (thrown) {
    return failedComparison(
      name,
      region,
      reportOf(thrown, { code: `${name}.provision.compare`, service: name, region }),
    );
  }
}

/** Returns the context of a comparison. It can read recorded values and cannot record any. */
function comparisonContext(
  service: Service,
  region: string,
  api: ServiceApi,
  { id: project, name: projectName }: AccountFacts & { readonly id: ProjectId },
  deps: CompareDeps,
) {
  const { reads } = deps.engine;
  const readOnlyStore = {
    reads,
    commit: () => Promise.reject(new TypeError('a comparison must not record values')),
  };
  return {
    region,
    api,
    project,
    projectName,
    projectApi: undefined,
    members: undefined,
    now: deps.now,
    ...provisionRecords({ partition: project, service: service.name, region }, readOnlyStore),
    apiOf: otherApiFinder(service, region, { ...deps, waivers: () => reads.coverageWaivers() }),
  };
}

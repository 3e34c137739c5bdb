import { existsSync } from 'node:fs';
import type { ResourceTypeName } from '../../events/ids.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { PropagatorError } from '../../lib/shared/errors.ts';
import { createMemoize } from '../../lib/task/memoize.ts';
import type { ProjectContext, Resource, ResourceType, Service } from '../../lib/task/service.ts';
import { serviceNames, VirtualClock } from '../cloud/cloud.ts';
import type { Documented } from '../cloud/documented.ts';
import { CleanupFixture } from '../unit/services/cleanup-fixture.ts';
import { Recorder } from './record.ts';
import { simulatedContext } from './simulated-api.ts';

/** The recorded API calls of one resource type. */
export interface Calls {
  readonly list: readonly string[];
  readonly remove: readonly string[];
  /** The rehearsal cloud does not have the type. The calls were recorded with a simulated API. */
  readonly isSimulated: boolean;
}

const camel = (name: string): string =>
  name.replace(/-(.)/g, (_dash, character: string) => character.toUpperCase());

/** Returns the fake API of a service from `test/cloud/documented/`, if there is one. */
async function fakeOf(service: string): Promise<Documented | undefined> {
  const path = new URL(`../cloud/documented/${service}.ts`, import.meta.url);
  if (!existsSync(path)) return undefined;
  const module: Record<string, unknown> = await import(path.href);
  const fake = module[camel(service)];
  if (!isDocumented(fake)) throw new TypeError(`${path.pathname} exports no ${camel(service)}`);
  return fake;
}
const isDocumented = (value: unknown): value is Documented =>
  typeof value === 'object' && value !== null && 'open' in value && 'endpoint' in value;

/** The role that the cleaner needs on the project, if it is not `admin`. */
const ROLES: Readonly<Record<string, string>> = { trove: 'member' };
/** The maximum number of iterations. The clock advances ten seconds between two of them. */
const MAX_ITERATIONS = 12;

/**
 * Cleans up a project on the rehearsal cloud, and returns the calls of every resource type. Returns
 * `undefined` for a service that this cloud does not have. A service with `preDelete` is cleaned up
 * with a token on the project, and any other service as after the deletion.
 */
export async function rehearse(
  service: Service,
): Promise<ReadonlyMap<ResourceTypeName, Calls> | undefined> {
  const fake = await fakeOf(service.name);
  if (!fake && !serviceNames.some((name) => name === service.name)) return undefined;
  const clock = new VirtualClock();
  const fixture = await CleanupFixture.open({ clock, with: fake ? [fake] : [] });
  try {
    fixture.others = SERVICES.filter((other) => serviceNames.some((name) => name === other.name));
    if (service.preDelete) await fixture.grantCleaner(ROLES[service.name]);
    const projectApi = service.preDelete
      ? await fixture.cloud.api(service, 'RegionOne', fixture.project)
      : undefined;
    const context = await fixture.context(service, { projectApi, now: () => clock.now() });
    const placeholders = new Map([
      [fixture.project as string, '{project}'],
      [(await fixture.cloud.ownProject()).id, '{own project}'],
      [fixture.customer.user.id, '{user}'],
      ['0'.repeat(32), '{no project}'],
    ]);
    const recorder = new Recorder(placeholders);
    for (let iterations = 1; iterations <= MAX_ITERATIONS; iterations += 1) {
      if (!(await oneIteration(service, recorder.wrapContext(context), recorder))) break;
      clock.advance(10_000);
    }
    const absentTypes = await absentTypesOf(service, context);
    for (const resourceType of absentTypes)
      await listAndRemove(resourceType, recorder.wrapContext(simulatedContext(context)), recorder);
    const calls = (resourceType: ResourceType): Calls => ({
      list: recorder.textsOf(resourceType.name, 'list', service.name),
      remove: recorder.textsOf(resourceType.name, 'remove', service.name),
      isSimulated: absentTypes.includes(resourceType),
    });
    return new Map(
      service.resourceTypes.map((resourceType) => [resourceType.name, calls(resourceType)]),
    );
  } finally {
    await fixture.close();
  }
}

/**
 * Lists each resource type in order, and removes each resource. Returns whether the project had
 * any.
 */
async function oneIteration(
  service: Service,
  context: ProjectContext,
  recorder: Recorder,
): Promise<boolean> {
  let hasResources = false;
  for (const resourceType of inOrder(service.resourceTypes)) {
    // Each type makes all of its calls, even if another type has made the same ones, so that its
    // section is complete.
    const hadResources = await listAndRemove(
      resourceType,
      { ...context, memoize: createMemoize() },
      recorder,
    );
    hasResources ||= hadResources;
  }
  return hasResources;
}

/** Lists and removes the resources of one type. Returns whether the project had any. */
async function listAndRemove(
  resourceType: ResourceType,
  context: ProjectContext,
  recorder: Recorder,
): Promise<boolean> {
  const typeContext =
    resourceType.requiresLiveProject?.class === 'C' && context.projectApi
      ? { ...context, api: context.projectApi }
      : context;
  recorder.attributeTo(resourceType.name, 'list');
  const { resources } = await resourceType.list(typeContext).catch(() => ({ resources: [] }));
  recorder.addIds(resources.map(({ id }) => id));
  const ownResources = resources.filter(({ owner }) => owner === context.project);
  recorder.attributeTo(resourceType.name, 'remove');
  await removeAll(
    resourceType,
    ownResources.filter(({ blocked }) => !blocked),
    typeContext,
  );
  return ownResources.length > 0;
}

/** Returns the resource types that the service file reports as absent in this cloud. */
async function absentTypesOf(service: Service, context: ProjectContext): Promise<ResourceType[]> {
  const absentTypes: ResourceType[] = [];
  for (const resourceType of inOrder(service.resourceTypes)) {
    const thrown = await resourceType
      .list({ ...context, memoize: createMemoize() })
      .catch((error: unknown) => error);
    if (thrown instanceof PropagatorError && thrown.report.code.endsWith('.extension.absent'))
      absentTypes.push(resourceType);
  }
  return absentTypes;
}

/**
 * Removes resources one after the other, so that each run makes the same calls. A refused removal
 * is retried in the next iteration.
 */
async function removeAll(
  resourceType: ResourceType,
  resources: readonly Resource[],
  context: ProjectContext,
): Promise<void> {
  const ignore = () => undefined;
  if (resourceType.batch && resources.length > 0)
    await resourceType.batch.remove(resources, context).catch(ignore);
  else for (const resource of resources) await resource.remove().catch(ignore);
}

/**
 * Returns the resource types with each type after those that it depends on. The order is otherwise
 * that of the service file.
 */
export function inOrder(resourceTypes: readonly ResourceType[]): ResourceType[] {
  const ordered: ResourceType[] = [];
  for (let remaining = [...resourceTypes]; remaining.length > 0; ) {
    const names = remaining.map(({ name }) => name);
    const ready = remaining.filter(
      (resourceType) => !resourceType.dependsOn.some(({ type }) => names.includes(type)),
    );
    ordered.push(...ready);
    remaining = remaining.filter((resourceType) => !ready.includes(resourceType));
  }
  return ordered;
}

import { existsSync } from 'node:fs';
import type { ResourceTypeName } from '../../events/ids.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { PropagatorError } from '../../lib/shared/errors.ts';
import { freshMemoize } from '../../lib/task/run.ts';
import type { ProjectContext, Resource, ResourceType, Service } from '../../lib/task/service.ts';
import { serviceNames, VirtualClock } from '../cloud/cloud.ts';
import type { Documented } from '../cloud/documented.ts';
import { Stage } from '../unit/services/emptying.ts';
import { paperReach } from './document.ts';
import { Recorder } from './record.ts';

/** What one resource type asks of its API, as it was seen to. */
export interface Calls {
  readonly list: readonly string[];
  readonly remove: readonly string[];
  /** The rehearsal cloud lacks it: asked of an API that would have one. */
  readonly isOnPaper: boolean;
}

const camel = (name: string): string =>
  name.replace(/-(.)/g, (_dash, letter: string) => letter.toUpperCase());

/** The fake of a service beyond the core, if there is one: `test/cloud/documented/`. */
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

/**
 * Services that are asked with another role on the project than the administrator's; as in their
 * contract tests.
 */
const ROLES: Readonly<Record<string, string>> = { trove: 'member' };
/** Ten seconds go by between two rounds; after so many, what is left is left. */
const MAX_ITERATIONS = 12;

/**
 * The calls of every resource type, from a run on the rehearsal cloud in which a project is
 * emptied; `undefined` for a service that it does not have. Early, with a token on the project,
 * where the service wants that; else as after the project's end.
 */
export async function rehearse(
  service: Service,
): Promise<ReadonlyMap<ResourceTypeName, Calls> | undefined> {
  const fake = await fakeOf(service.name);
  if (!fake && !serviceNames.some((name) => name === service.name)) return undefined;
  const clock = new VirtualClock();
  const stage = await Stage.open({ clock, with: fake ? [fake] : [] });
  try {
    stage.others = SERVICES.filter((apiOf) => serviceNames.some((name) => name === apiOf.name));
    if (service.preDelete) await stage.grantCleaner(ROLES[service.name]);
    const projectApi = service.preDelete
      ? await stage.cloud.api(service, 'RegionOne', stage.project)
      : undefined;
    const context = await stage.context(service, { projectApi, now: () => clock.now() });
    const known = new Map([
      [stage.project as string, '{project}'],
      [(await stage.cloud.ownProject()).id, '{own project}'],
      [stage.customer.user.id, '{user}'],
      ['0'.repeat(32), '{nobody}'],
    ]);
    const recorder = new Recorder(known);
    for (let iterations = 1; iterations <= MAX_ITERATIONS; iterations += 1) {
      if (!(await oneRound(service, recorder.wrapReach(context), recorder))) break;
      clock.advance(10_000);
    }
    const lacking = await kindsWithout(service, context);
    for (const resourceType of lacking)
      await lookAndRemove(resourceType, recorder.wrapReach(paperReach(context)), recorder);
    const calls = (resourceType: ResourceType): Calls => ({
      list: recorder.said(resourceType.name, 'list', service.name),
      remove: recorder.said(resourceType.name, 'remove', service.name),
      isOnPaper: lacking.includes(resourceType),
    });
    return new Map(
      service.resourceTypes.map((resourceType) => [resourceType.name, calls(resourceType)]),
    );
  } finally {
    await stage.close();
  }
}

/**
 * One look at each resource type in its order, and a removal of each thing; whether anything of the
 * project was there.
 */
async function oneRound(
  service: Service,
  context: ProjectContext,
  recorder: Recorder,
): Promise<boolean> {
  let isSomethingThere = false;
  for (const resourceType of inOrder(service.resourceTypes)) {
    // Each kind asks for itself what others may have asked already, so that its page is whole.
    const found = await lookAndRemove(
      resourceType,
      { ...context, memoize: freshMemoize() },
      recorder,
    );
    isSomethingThere ||= found;
  }
  return isSomethingThere;
}

async function lookAndRemove(
  resourceType: ResourceType,
  context: ProjectContext,
  recorder: Recorder,
): Promise<boolean> {
  const at =
    resourceType.requiresLiveProject?.class === 'C' && context.projectApi
      ? { ...context, api: context.projectApi }
      : context;
  recorder.about(resourceType.name, 'list');
  const { resources } = await resourceType.list(at).catch(() => ({ resources: [] }));
  recorder.learn(resources.map(({ id }) => id));
  const ours = resources.filter(({ owner }) => owner === context.project);
  recorder.about(resourceType.name, 'remove');
  await removeAll(
    resourceType,
    ours.filter(({ blocked }) => !blocked),
    at,
  );
  return ours.length > 0;
}

/** Resource types of which the service file itself says that this cloud lacks them. */
async function kindsWithout(service: Service, context: ProjectContext): Promise<ResourceType[]> {
  const lacking: ResourceType[] = [];
  for (const resourceType of inOrder(service.resourceTypes)) {
    const thrown = await resourceType
      .list({ ...context, memoize: freshMemoize() })
      .catch((error: unknown) => error);
    if (thrown instanceof PropagatorError && thrown.report.code.endsWith('.extension.absent'))
      lacking.push(resourceType);
  }
  return lacking;
}

/**
 * One after the other, so that every run is the same; what one refuses is tried in the next round,
 * as in earnest.
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
 * Resource types behind those that they stand after or follow; beside that as the service file has
 * them.
 */
export function inOrder(resourceTypes: readonly ResourceType[]): ResourceType[] {
  const ordered: ResourceType[] = [];
  for (let open = [...resourceTypes]; open.length > 0; ) {
    const names = open.map(({ name }) => name);
    const ready = open.filter(
      (resourceType) => !resourceType.dependsOn.some(({ type }) => names.includes(type)),
    );
    ordered.push(...ready);
    open = open.filter((resourceType) => !ready.includes(resourceType));
  }
  return ordered;
}

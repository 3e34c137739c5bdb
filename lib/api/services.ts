import type { Context, Hono } from 'hono';
import * as z from 'zod';
import { type Coverage, coverageOf } from '../operation/coverage.ts';
import { applyWaivers } from '../operation/leftovers.ts';
import { typeKey } from '../operation/registry.ts';
import { dependenciesOf, dependencyLevels } from '../operation/service-dependencies.ts';
import type { Service } from '../task/service.ts';
import { auditRecord } from './audit.ts';
import { callerOf } from './authentication.ts';
import { callerNotAllowedInBody, readJson, reasonText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { problemBody } from './problem.ts';

/** A service type as in Keystone: up to 255 characters, but no slash and no leading dot. */
const CatalogType = z
  .string()
  .regex(
    /^(?![./])[^/]{1,255}$/,
    'must be a service type as in the catalog of Keystone, for example load-balancer',
  );
export const WaiverBody = z.strictObject({
  type: CatalogType,
  by: callerNotAllowedInBody,
  reason: reasonText,
});

/**
 * Routes for the covered services, their order and their presence in this cloud, and for waivers of
 * uncovered types.
 */
export function serviceRoutes(app: Hono, deps: ApiDeps): void {
  app.get('/v1/services', (context) => answerServices(context, deps));
  app.get('/v1/waivers', async (context) =>
    context.json({ waivers: await deps.engine.reads.coverageWaivers() }),
  );
  app.post('/v1/waivers', (context) => addWaiver(context, deps));
  app.delete('/v1/waivers/:type', (context) => removeWaiver(context, deps));
}

async function answerServices(context: Context, deps: ApiDeps): Promise<Response> {
  const { engine, cloud, services, httpPlugins } = deps;
  const [registry, waivers] = await Promise.all([cloud.registry(), engine.reads.coverageWaivers()]);
  const coverage = coverageOf(registry, services);
  const uncovered = [
    ...coverage.unknownRegistrations,
    ...unreachableRegistrations(coverage, deps),
    ...(coverage.unlisted ? [coverage.unlisted] : []),
  ];
  const { unwaived } = applyWaivers(
    uncovered.map((registration) => ({ ...registration, types: [registration.type] })),
    waivers,
  );
  const descriptions = dependencyLevels(services)
    .flat()
    .map(async (service) => ({
      ...describeService(service, coverage.ofService(service).regions, deps),
      ...(await accessProblem(service, coverage, deps)),
    }));
  return context.json({
    services: await Promise.all(descriptions),
    httpPlugins,
    uncovered: unwaived.map(({ types: _, ...registration }) => registration),
    leftOut: coverage.leftOut,
    waived: waivers,
  });
}

async function addWaiver(context: Context, deps: ApiDeps): Promise<Response> {
  const { engine, now } = deps;
  const { type, reason } = await readJson(context, WaiverBody);
  const because = await whyWaiverHasNoEffect(type, deps);
  if (because !== undefined) return context.json(problemBody('waiver', because), 409);
  const waiver = { type, by: callerOf(context), reason, at: now() };
  const auditedDecision = {
    what: 'waiver.added',
    target: { type: 'catalog-type', id: type },
    reason,
    before: (await findWaiver(type, deps)) ?? null,
    after: waiver,
  } as const;
  await engine.commit({
    waivers: [waiver],
    audit: [auditRecord(context, waiver.at, auditedDecision)],
  });
  return context.json({ waived: type }, 201);
}

/**
 * Returns why a waiver of `type` would have no effect, or `undefined`. A service with a pre-delete
 * phase can always be waived: after the deletion of the project, the propagator cannot list its
 * resources, but another program may have removed them. For example, Barbican has a listener that
 * removes the secrets of deleted projects. Any other covered service can be waived only while one
 * of its endpoints is unreachable.
 */
async function whyWaiverHasNoEffect(
  type: string,
  { cloud, services }: ApiDeps,
): Promise<string | undefined> {
  const service = services.find(({ catalogTypes, catalogAliases }) =>
    [...catalogTypes, ...catalogAliases].some((covered) => typeKey(covered) === typeKey(type)),
  );
  if (!service || service.preDelete) return undefined;
  const coverage = coverageOf(await cloud.registry(), services);
  return coverage.ofService(service).unverifiedRegistrations.length === 0
    ? `${service.name} covers ${type} and is reachable, so a waiver has no effect`
    : undefined;
}

async function removeWaiver(context: Context, deps: ApiDeps): Promise<Response> {
  const type = CatalogType.parse(context.req.param('type'));
  const before = await findWaiver(type, deps);
  if (!before)
    return context.json(
      problemBody(
        'waiver',
        `there is no waiver for ${type}`,
        'List the waivers: propagator waiver list',
      ),
      404,
    );
  const target = { type: 'catalog-type', id: type };
  const auditedDecision = { what: 'waiver.removed', target, before, after: null } as const;
  await deps.engine.commit({
    removedWaiverTypes: [type],
    audit: [auditRecord(context, deps.now(), auditedDecision)],
  });
  return context.json({ removedWaiver: type });
}

const findWaiver = async (type: string, { engine }: ApiDeps) =>
  (await engine.reads.coverageWaivers()).find((waiver) => waiver.type === type);

/**
 * Returns the registrations that no operation can list. A service that is off by default counts
 * only if the settings enable it.
 */
const unreachableRegistrations = (coverage: Coverage, { services, optedInServices }: ApiDeps) =>
  services
    .filter(
      ({ offByDefault, name }) => offByDefault === undefined || optedInServices.includes(name),
    )
    .flatMap((service) => coverage.ofService(service).unverifiedRegistrations);

/**
 * Returns the permission that the propagator lacks for a service, so that the operator can grant
 * this permission before a deletion.
 */
async function accessProblem(
  service: Service,
  coverage: Coverage,
  { cloud }: ApiDeps,
): Promise<{ problem?: { message: string; advice: string } }> {
  if (coverage.ofService(service).regions.length === 0) return {};
  const report = await cloud.missingAccess(service);
  return report ? { problem: { message: report.message, advice: report.advice } } : {};
}

function describeService(
  service: Service,
  regions: readonly string[],
  { services, optedInServices }: ApiDeps,
) {
  const classes = new Set(
    service.resourceTypes.map(
      (resourceType) =>
        resourceType.requiresLiveProject?.class ?? (service.scope === 'system' ? 'B' : 'A'),
    ),
  );
  return {
    name: service.name,
    catalogTypes: service.catalogTypes,
    classes: [...classes].sort(),
    resourceTypes: service.resourceTypes.map((resourceType) => resourceType.name),
    userResourceTypes: service.userResourceTypes.map((resourceType) => resourceType.name),
    noProjectResources: service.noProjectResources,
    dependsOn: dependenciesOf(service, services),
    preDelete: service.preDelete,
    offByDefault: service.offByDefault,
    on: service.offByDefault === undefined || optedInServices.includes(service.name),
    regions: service.catalogTypes.length > 0 ? regions : ['everywhere'],
  };
}

import type { Hono } from 'hono';
import * as z from 'zod';
import { applyWaivers, uncoveredServices } from '../operation/coverage.ts';
import { awaitedTypes, levels, predecessors } from '../operation/order.ts';
import type { Service } from '../task/service.ts';
import { callerOf } from './authentication.ts';
import { notBy, readJson, typedText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { problem } from './problem.ts';

const Type = z
  .string()
  .regex(/^[a-zA-Z0-9_-]{1,100}$/, 'a type as the catalog has it: load-balancer');
const Waive = z.strictObject({
  type: Type,
  by: notBy,
  reason: typedText(1000),
});

/**
 * What is covered, in which order, and whether this cloud has it; and a person's word on what is
 * not.
 */
export function serviceRoutes(app: Hono, deps: ApiDeps): void {
  const { engine, cloud, services, httpPlugins } = deps;
  app.get('/v1/services', async (context) => {
    const [catalog, waivers] = await Promise.all([cloud.catalog(), engine.reads.waivers()]);
    const regions = (service: Service): string[] => [
      ...new Set(
        catalog
          .filter(({ type }) => service.catalogTypes.includes(type))
          .flatMap((entry) => entry.regions),
      ),
    ];
    const uncovered = uncoveredServices(catalog, services).map((one) => ({
      ...one,
      types: [one.type],
    }));
    const open = applyWaivers(uncovered, waivers).open.map(({ type, name }) => ({ type, name }));
    return context.json({
      services: levels(services)
        .flat()
        .map((service) => describe(service, regions(service), deps)),
      httpPlugins,
      uncovered: open,
      waived: waivers,
    });
  });
  app.get('/v1/waivers', async (context) =>
    context.json({ waivers: await engine.reads.waivers() }),
  );
  app.post('/v1/waivers', async (context) => {
    const { type, reason } = await readJson(context, Waive);
    const covering = services.find((service) => service.catalogTypes.includes(type));
    // What can be out of reach may be somebody else's business: a Barbican whose own listener hears
    // of deletions.
    if (covering && !covering.preDelete)
      return context.json(
        problem(
          'waiver',
          `${covering.name} covers ${type}, and is never out of reach; there is nothing to waive`,
        ),
        409,
      );
    await engine.commit({ waivers: [{ type, by: callerOf(context), reason, at: deps.now() }] });
    return context.json({ waived: type }, 201);
  });
  app.delete('/v1/waivers/:type', async (context) => {
    const type = Type.parse(context.req.param('type'));
    const waivers = await engine.reads.waivers();
    if (!waivers.some((waiver) => waiver.type === type))
      return context.json(problem('waiver', `${type} is not waived`), 404);
    await engine.commit({ unwaived: [type] });
    return context.json({ unwaived: type });
  });
}

function describe(service: Service, regions: readonly string[], { services, optedIn }: ApiDeps) {
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
    after: service.after,
    follows: predecessors(service, services),
    until: Object.fromEntries(
      services
        .map((other) => [other.name, awaitedTypes(service, other)] as const)
        .filter(([, resourceTypes]) => resourceTypes.length > 0),
    ),
    preDelete: service.preDelete,
    offByDefault: service.offByDefault,
    on: service.offByDefault === undefined || optedIn.includes(service.name),
    regions: service.catalogTypes.length > 0 ? regions : ['everywhere'],
  };
}

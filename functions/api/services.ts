import type { Hono } from 'hono';
import * as z from 'zod';
import type { Service } from '../../lib/cleanup/service.ts';
import { uncoveredOf, weigh } from '../../lib/operation/coverage.ts';
import { awaitedKinds, levels, predecessors } from '../../lib/operation/order.ts';
import { type ApiPorts, problem } from './ports.ts';

const Type = z.string().regex(/^[a-zA-Z0-9_-]{1,100}$/, 'a type as the catalog has it: load-balancer');
const Waive = z.object({
  type: Type,
  by: z.string().min(1).max(200).default('unknown'),
  reason: z.string().min(1).max(1000),
});

/** What is covered, in which order, and whether this cloud has it; and a person's word on what is not. */
export function serviceRoutes(app: Hono, ports: ApiPorts): void {
  const { engine, cloud, services, remotes } = ports;
  app.get('/v1/services', async (context) => {
    const [catalog, waivers] = await Promise.all([cloud.catalog(), engine.reads.waivers()]);
    const regions = (service: Service): string[] => [
      ...new Set(catalog.filter(({ type }) => service.catalogTypes.includes(type)).flatMap((entry) => entry.regions)),
    ];
    const uncovered = uncoveredOf(catalog, services).map((one) => ({ ...one, types: [one.type] }));
    const open = weigh(uncovered, waivers).open.map(({ type, name }) => ({ type, name }));
    return context.json({
      services: levels(services)
        .flat()
        .map((service) => describe(service, regions(service), ports)),
      remotes,
      uncovered: open,
      waived: waivers,
    });
  });
  app.get('/v1/waivers', async (context) => context.json({ waivers: await engine.reads.waivers() }));
  app.post('/v1/waivers', async (context) => {
    const { type, by, reason } = Waive.parse(await context.req.json());
    const covering = services.find((service) => service.catalogTypes.includes(type));
    // What can be out of reach may be somebody else's business: a Barbican whose own listener hears of deletions.
    if (covering && !covering.early)
      return context.json(problem('waiver', `${covering.name} covers ${type}, and is never out of reach; there is nothing to waive`), 409);
    await engine.commit({ waivers: [{ type, by, reason, at: ports.now() }] });
    return context.json({ waived: type }, 201);
  });
  app.delete('/v1/waivers/:type', async (context) => {
    const type = Type.parse(context.req.param('type'));
    const waivers = await engine.reads.waivers();
    if (!waivers.some((waiver) => waiver.type === type)) return context.json(problem('waiver', `${type} is not waived`), 404);
    await engine.commit({ unwaived: [type] });
    return context.json({ unwaived: type });
  });
}

function describe(service: Service, regions: readonly string[], { services, optedIn }: ApiPorts) {
  const classes = new Set(service.kinds.map((kind) => kind.needsLife?.class ?? (service.scope === 'system' ? 'B' : 'A')));
  return {
    name: service.name,
    catalogTypes: service.catalogTypes,
    classes: [...classes].sort(),
    kinds: service.kinds.map((kind) => kind.name),
    userKinds: service.userKinds.map((kind) => kind.name),
    holdsNothing: service.holdsNothing,
    after: service.after,
    follows: predecessors(service, services),
    until: Object.fromEntries(
      services.map((other) => [other.name, awaitedKinds(service, other)] as const).filter(([, kinds]) => kinds.length > 0),
    ),
    early: service.early,
    offByDefault: service.offByDefault,
    on: service.offByDefault === undefined || optedIn.includes(service.name),
    regions: service.catalogTypes.length > 0 ? regions : ['everywhere'],
  };
}

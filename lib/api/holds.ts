import type { Context, Hono } from 'hono';
import * as z from 'zod';
import { DomainId, ProjectId } from '../../events/ids.ts';
import { deletionHoldDocument, readHolds } from '../handlers/deletion-holds.ts';
import { readSuspensionHolds } from '../handlers/suspension-holds.ts';
import {
  type DeletionHold,
  HOLD_TARGETS,
  type HoldTarget,
  isInForce,
} from '../operation/deletion-hold.ts';
import { auditRecord } from './audit.ts';
import { callerOf } from './authentication.ts';
import { readJson, reasonText, refusedCallerName, typedText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { problemBody } from './problem.ts';

const ResourceId = z
  .string()
  .max(600)
  .regex(/^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*\/.+$/, 'must be TYPE/ID, for example nova.server/ID');
export const NewHold = z
  .strictObject({
    project: ProjectId.optional(),
    domain: DomainId.optional(),
    resource: ResourceId.optional(),
    reason: reasonText,
    ticket: typedText(100).optional(),
    /** ISO 8601 with a time zone. */
    until: z.iso.datetime({ offset: true }).optional(),
    by: refusedCallerName,
  })
  .refine(
    ({ project, domain, resource }) =>
      [project, domain, resource].filter((one) => one !== undefined).length === 1 ||
      (project !== undefined && domain === undefined),
    'send exactly one of project, domain and resource, or a resource with its project',
  );

/**
 * Routes that list, add and remove holds. A hold keeps a project, a domain or a resource from being
 * deleted. The list also has the projects that operators keep suspended.
 */
export function holdRoutes(app: Hono, deps: ApiDeps): void {
  const { engine } = deps;
  app.get('/v1/holds', async (context) => {
    const holds = await Promise.all(HOLD_TARGETS.map((target) => readHolds(target, engine.reads)));
    return context.json({
      suspensions: await readSuspensionHolds(engine.reads),
      holds: holds
        .flat()
        .filter((hold) => isInForce(hold, deps.now()))
        .map(({ version: _, ...hold }) => hold),
    });
  });

  app.post('/v1/holds', async (context) => {
    const { reason, ticket, until: end, ...named } = await readJson(context, NewHold);
    const [target, id] = targetOf(named);
    const { project } = target === 'resource' ? named : {};
    const unknown =
      (await whyUnknown(target, id, deps)) ??
      (project === undefined ? undefined : await whyUnknown('project', project, deps));
    if (unknown !== undefined) return context.json(problemBody('hold', unknown), 409);
    const until = end === undefined ? undefined : Date.parse(end);
    if (until !== undefined && until <= deps.now())
      return context.json(problemBody('hold', 'the field until is a time in the past'), 409);
    const hold: DeletionHold = {
      target,
      id,
      ...(project === undefined ? {} : { project }),
      by: callerOf(context),
      reason,
      at: deps.now(),
      ...(ticket === undefined ? {} : { ticket }),
      ...(until === undefined ? {} : { until }),
    };
    const before = await findHold(target, id);
    if (before && isInForce(before, deps.now()))
      return context.json(
        problemBody('hold', `${before.by} holds ${target} ${id} already: ${before.reason}`),
        409,
      );
    return (await commitHold(context, before, hold)) === 'conflict'
      ? context.json(problemBody('conflict', 'the hold was changed at the same moment'), 409)
      : context.json(hold, 201);
  });

  // The id of a resource contains slashes.
  app.delete('/v1/holds/:target/:id{.+}', async (context) => {
    const target = z.enum(HOLD_TARGETS).parse(context.req.param('target'));
    const id = context.req.param('id');
    const before = await findHold(target, id);
    if (!before)
      return context.json(
        problemBody(
          'hold',
          `there is no hold of ${target} ${id}`,
          'List the holds: propagator hold list',
        ),
        404,
      );
    return (await commitHold(context, before, undefined)) === 'conflict'
      ? context.json(problemBody('conflict', 'the hold was changed at the same moment'), 409)
      : context.json({ removed: `${target}/${id}` });
  });

  const findHold = async (target: HoldTarget, id: string) =>
    (await readHolds(target, engine.reads, id)).find((hold) => hold.id === id);
  /** Stores `hold` with an audit record. Without `hold`, removes the hold `before`. */
  async function commitHold(
    context: Context,
    before: Awaited<ReturnType<typeof findHold>>,
    hold: DeletionHold | undefined,
  ) {
    const changed = hold ?? before;
    if (!changed) throw new TypeError('a hold is added or removed');
    const { target, id } = changed;
    const { version = 0, ...earlier } = before ?? {};
    const auditedDecision = {
      what: hold ? 'hold.added' : 'hold.removed',
      target: { type: target, id },
      reason: hold?.reason,
      before: before ? earlier : null,
      after: hold ?? null,
    } as const;
    return engine.commit({
      documents: [deletionHoldDocument(target, id, version, hold)],
      audit: [auditRecord(context, deps.now(), auditedDecision)],
    });
  }
}

function targetOf({
  project,
  domain,
  resource,
}: Pick<z.infer<typeof NewHold>, 'project' | 'domain' | 'resource'>): [HoldTarget, string] {
  if (domain !== undefined) return ['domain', domain];
  return resource === undefined ? ['project', project ?? ''] : ['resource', resource];
}

/**
 * Returns an error if the account or the resource type of a hold is unknown, for example after a
 * typing error.
 */
async function whyUnknown(
  target: HoldTarget,
  id: string,
  { cloud, engine, services }: ApiDeps,
): Promise<string | undefined> {
  if (target === 'resource') {
    const type = id.slice(0, id.indexOf('/'));
    const isKnown = services.some(({ resourceTypes }) =>
      resourceTypes.some(({ name }) => name === type),
    );
    return isKnown ? undefined : `there is no resource type ${type}; see: propagator service list`;
  }
  const [shown, record] = await Promise.all([
    cloud.keystone.show(target, id),
    engine.reads.account(target, id),
  ]);
  return shown.kind === 'present' || record
    ? undefined
    : `Keystone and the inventory have no ${target} with this id`;
}

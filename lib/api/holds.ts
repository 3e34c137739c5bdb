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
import { callerNotAllowedInBody, enteredText, readJson, reasonText } from './body.ts';
import type { ApiDeps } from './deps.ts';
import { problemBody } from './problem.ts';

const ResourceId = z
  .string()
  .max(600)
  .regex(/^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*\/.+$/, 'must be TYPE/ID, for example nova.server/ID');
export const HoldBody = z
  .strictObject({
    project: ProjectId.optional(),
    domain: DomainId.optional(),
    resource: ResourceId.optional(),
    reason: reasonText,
    ticket: enteredText(100).optional(),
    /** ISO 8601 with a time zone. */
    until: z.iso.datetime({ offset: true }).optional(),
    by: callerNotAllowedInBody,
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
  app.get('/v1/holds', (context) => answerHolds(context, deps));
  app.post('/v1/holds', (context) => addHold(context, deps));
  // The id of a resource contains slashes.
  app.delete('/v1/holds/:target/:id{.+}', (context) =>
    removeHold(context, context.req.param('id'), deps),
  );
}

async function answerHolds(context: Context, { engine, now }: ApiDeps): Promise<Response> {
  const holds = await Promise.all(HOLD_TARGETS.map((target) => readHolds(target, engine.reads)));
  return context.json({
    suspensions: await readSuspensionHolds(engine.reads),
    holds: holds
      .flat()
      .filter((hold) => isInForce(hold, now()))
      .map(({ version: _, ...hold }) => hold),
  });
}

async function addHold(context: Context, deps: ApiDeps): Promise<Response> {
  const { reason, ticket, until: endText, ...targetFields } = await readJson(context, HoldBody);
  const namedTarget = namedTargetOf(targetFields);
  const { target, id } = namedTarget;
  const until = endText === undefined ? undefined : Date.parse(endText);
  const refuse = (because: string) => context.json(problemBody('hold', because), 409);
  const unknownBecause = await whyTargetUnknown(namedTarget, deps);
  if (unknownBecause !== undefined) return refuse(unknownBecause);
  if (until !== undefined && until <= deps.now())
    return refuse('the field until is a time in the past');
  const storedHold = await findHold(target, id, deps);
  if (storedHold && isInForce(storedHold, deps.now()))
    return refuse(`${storedHold.by} holds ${target} ${id} already: ${storedHold.reason}`);
  const hold: DeletionHold = {
    ...namedTarget,
    by: callerOf(context),
    reason,
    at: deps.now(),
    ...(ticket === undefined ? {} : { ticket }),
    ...(until === undefined ? {} : { until }),
  };
  const outcome = await commitHold(context, { target, id, before: storedHold, after: hold }, deps);
  return outcome === 'conflict' ? context.json(HOLD_CHANGED_PROBLEM, 409) : context.json(hold, 201);
}

async function removeHold(context: Context, id: string, deps: ApiDeps): Promise<Response> {
  const target = z.enum(HOLD_TARGETS).parse(context.req.param('target'));
  const storedHold = await findHold(target, id, deps);
  if (!storedHold)
    return context.json(
      problemBody(
        'hold',
        `there is no hold of ${target} ${id}`,
        'List the holds: propagator hold list',
      ),
      404,
    );
  const outcome = await commitHold(
    context,
    { target, id, before: storedHold, after: undefined },
    deps,
  );
  return outcome === 'conflict'
    ? context.json(HOLD_CHANGED_PROBLEM, 409)
    : context.json({ removed: `${target}/${id}` });
}

const HOLD_CHANGED_PROBLEM = problemBody('conflict', 'the hold was changed at the same moment');

/** A stored hold, with the version of its document. */
type StoredHold = Awaited<ReturnType<typeof readHolds>>[number];

const findHold = async (
  target: HoldTarget,
  id: string,
  { engine }: ApiDeps,
): Promise<StoredHold | undefined> =>
  (await readHolds(target, engine.reads, id)).find((hold) => hold.id === id);

/** The change of one hold. If `after` is not set, the hold is removed. */
interface HoldChange {
  readonly target: HoldTarget;
  readonly id: string;
  readonly before: StoredHold | undefined;
  readonly after: DeletionHold | undefined;
}

/** Stores the change with an audit record. */
function commitHold(
  context: Context,
  { target, id, before, after }: HoldChange,
  { engine, now }: ApiDeps,
) {
  const { version = 0, ...holdBefore } = before ?? {};
  const auditedDecision = {
    what: after ? 'hold.added' : 'hold.removed',
    target: { type: target, id },
    reason: after?.reason,
    before: before ? holdBefore : null,
    after: after ?? null,
  } as const;
  return engine.commit({
    documents: [deletionHoldDocument(target, id, version, after)],
    audit: [auditRecord(context, now(), auditedDecision)],
  });
}

/** The target of a hold. `project`: the project of a resource, if the person named it. */
type NamedTarget = Pick<DeletionHold, 'target' | 'id' | 'project'>;

/** Returns the target that the body of a request names. */
function namedTargetOf({
  project,
  domain,
  resource,
}: Pick<z.infer<typeof HoldBody>, 'project' | 'domain' | 'resource'>): NamedTarget {
  if (domain !== undefined) return { target: 'domain', id: domain };
  if (resource === undefined) return { target: 'project', id: project ?? '' };
  return { target: 'resource', id: resource, ...(project === undefined ? {} : { project }) };
}

/**
 * Returns why the target of a hold is unknown, for example after a typing error. Returns
 * `undefined` for a known account. For a resource, only its type is checked, and its project if the
 * request names one.
 */
async function whyTargetUnknown(
  { target, id, project }: NamedTarget,
  deps: ApiDeps,
): Promise<string | undefined> {
  if (target !== 'resource') return whyUnknownAccount(target, id, deps);
  const unknownType = whyUnknownType(id, deps);
  if (unknownType !== undefined || project === undefined) return unknownType;
  return whyUnknownAccount('project', project, deps);
}

function whyUnknownType(resource: string, { services }: ApiDeps): string | undefined {
  const type = resource.slice(0, resource.indexOf('/'));
  const isKnown = services.some(({ resourceTypes }) =>
    resourceTypes.some(({ name }) => name === type),
  );
  return isKnown ? undefined : `there is no resource type ${type}; see: propagator service list`;
}

async function whyUnknownAccount(
  type: 'project' | 'domain',
  id: string,
  { cloud, engine }: ApiDeps,
): Promise<string | undefined> {
  const [keystoneState, record] = await Promise.all([
    cloud.keystone.show(type, id),
    engine.reads.account(type, id),
  ]);
  return keystoneState.kind === 'present' || record
    ? undefined
    : `Keystone and the inventory have no ${type} with this id`;
}

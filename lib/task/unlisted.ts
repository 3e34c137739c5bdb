import type { ResourceTypeName } from '../../events/ids.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { REAPPEARED_MESSAGE, resourceCondition } from './conditions.ts';
import type { CommonContext, Resource, ResourceType, ServiceApi } from './service.ts';
import {
  type IterationInput,
  type LeftReason,
  type TypeResult,
  unlistedResult,
} from './type-iteration.ts';

type ResourceTypeFields = Pick<ResourceType, 'name' | 'requiresLiveProject'>;

/**
 * Returns the result for a type that can no longer be listed, and that was verified empty before
 * the project's deletion.
 */
const resultFromBeforeDeletion = (resourceType: ResourceTypeName): TypeResult => ({
  ...emptyResult(resourceType),
  isFromBeforeDeletion: true,
});

const emptyResult = (resourceType: ResourceTypeName) => ({
  resourceType,
  status: 'empty' as const,
  count: { listed: 0, gone: 0, left: 0 },
  conditions: [],
  errors: [],
});

type ProjectAccess = { readonly api: ServiceApi } | { readonly result: TypeResult };

/**
 * Returns the API that can list a resource type of class C: the API with a token on the project. If
 * there is no such token, the function returns the result of the type instead.
 */
export function accessWithProjectToken<Context extends CommonContext>(
  resourceType: ResourceTypeFields,
  input: IterationInput<Context>,
): ProjectAccess {
  const { phase, context } = input;
  return phase === 'pre-delete' && context.projectApi
    ? { api: context.projectApi }
    : { result: resultWithoutToken(resourceType, input) };
}

/** Returns the result of a resource type of class C that no token can list now. */
function resultWithoutToken<Context extends CommonContext>(
  resourceType: ResourceTypeFields,
  { phase, context, verifiedBeforeDeletion, service }: IterationInput<Context>,
): TypeResult {
  const { name } = resourceType;
  // Phase `plan` cannot list the type: a token would need a role on the project, and a plan must
  // not assign roles.
  if (phase === 'plan') return unlistedResult(name);
  if (verifiedBeforeDeletion.includes(name)) return resultFromBeforeDeletion(name);
  if (phase === 'apply') return { ...unlistedResult(name), ...unreachableResult(resourceType, []) };
  const cause = new TypeError('phase pre-delete needs a token on the project, and there is none');
  return unlistedResult(name, [
    reportOf(cause, { code: `${name}.token`, service, region: context.region }),
  ]);
}

/**
 * Returns the reason and the condition for a type of class C or D after the project's deletion.
 * The type does not count as empty. `resources`: the resources that were listed (class D only).
 */
export function unreachableResult(
  { name, requiresLiveProject }: ResourceTypeFields,
  resources: readonly Resource[],
): Required<Pick<TypeResult, 'leftReason' | 'conditions'>> {
  const leftover = requiresLiveProject?.leftover ?? 'its resources';
  const message =
    resources.length > 0
      ? `the service removes it only while the project exists; left: ${leftover}`
      : 'only a token on the project can list it, and the project is deleted; probably left: ' +
        `${leftover}`;
  const leftoverCondition = resourceCondition(
    name,
    'Unsupported',
    message,
    'operator',
    resources.at(0),
    {
      count: Math.max(1, resources.length),
    },
  );
  const leftReason: LeftReason = {
    type: 'unreachable',
    because: `${leftover} could not be reached`,
  };
  return {
    leftReason,
    conditions: [{ ...leftoverCondition, advice: requiresLiveProject?.advice }],
  };
}

/**
 * Returns the result for a type whose listing failed (safety rule "Not listed is not empty"). The
 * type counts as empty only in two cases:
 * - the service file reports that this cloud has no such resources, because the service lacks an
 *   extension or is too old;
 * - the type was verified empty before the project's deletion, and the service file now reports it
 *   as hidden (error code `….hidden`).
 */
export function failedListingResult(
  { name }: ResourceTypeFields,
  error: ErrorReport,
  verifiedBeforeDeletion: readonly ResourceTypeName[],
): TypeResult {
  const isHidden = isDeclaredUnsupported(error) && error.code.endsWith('.hidden');
  if (isHidden && verifiedBeforeDeletion.includes(name)) return resultFromBeforeDeletion(name);
  if (isHidden)
    // The type is unreachable, like a type of class C after the project's deletion.
    return {
      ...unlistedResult(name),
      conditions: [
        {
          ...resourceCondition(name, 'Unsupported', error.message, 'operator', undefined),
          advice: error.advice,
        },
      ],
      leftReason: { type: 'unreachable', because: error.message },
    };
  if (isDeclaredUnsupported(error))
    return {
      ...emptyResult(name),
      conditions: [
        resourceCondition(name, 'Unsupported', `skipped: ${error.message}`, 'none', undefined),
      ],
    };
  // A 404 for a collection means that the endpoint is wrong or missing. It does not mean that the
  // collection is empty.
  const isEndpointProblem = error.class === 'Gone' || error.class === 'Unsupported';
  return unlistedResult(name, [isEndpointProblem ? { ...error, class: 'Unexpected' } : error]);
}

/**
 * True if the service file itself reports the type as unsupported. A 405 or 501 alone is no proof,
 * because it may come from a proxy.
 */
const isDeclaredUnsupported = (error: ErrorReport): boolean =>
  error.class === 'Unsupported' && !error.code.includes('.http.');

/**
 * Returns the error for resources that were removed and are listed again. If they are still listed
 * after the stall timeout, the task is dead-lettered with this error.
 */
export const reappearedError = (
  name: ResourceTypeName,
  reappearedResources: readonly Resource[],
  { service, context }: Pick<IterationInput<CommonContext>, 'service' | 'context'>,
): ErrorReport => ({
  code: `${name}.returned`,
  class: 'Transient',
  message:
    `${name}: ${REAPPEARED_MESSAGE} (${reappearedResources.length} of them, for example ` +
    `${reappearedResources[0]?.id})`,
  advice:
    `Search the log of ${service} for this id: a client may create the resource again, or the ` +
    'service may report success without deleting the resource. Then redrive.',
  service,
  region: context.region,
});

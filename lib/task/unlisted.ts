import type { ResourceTypeName } from '../../events/ids.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { condition, RETURNED } from './conditions.ts';
import type { CommonContext, Resource, ResourceType, ServiceApi } from './service.ts';
import {
  type Exception,
  type IterationInput,
  notListed,
  type TypeIteration,
} from './type-iteration.ts';

type TypeFields = Pick<ResourceType, 'name' | 'requiresLiveProject'>;

/**
 * Returns the result for a type that can no longer be listed, and that was verified empty before
 * the project's deletion.
 */
const emptyBeforeDeletion = (resourceType: ResourceTypeName): TypeIteration => ({
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

/**
 * Returns the API with a token on the project for a resource type of class C. If there is no such
 * token, returns the result of the type instead.
 */
export function apiWithProjectToken<Context extends CommonContext>(
  resourceType: TypeFields,
  { phase, context, verifiedBeforeDeletion, service }: IterationInput<Context>,
): ServiceApi | TypeIteration {
  const { name } = resourceType;
  if (phase === 'pre-delete' && context.projectApi) return context.projectApi;
  // Phase `plan` cannot list the type: a token would need a role on the project, and a plan must
  // not assign roles.
  if (phase === 'plan') return notListed(name);
  if (verifiedBeforeDeletion.includes(name)) return emptyBeforeDeletion(name);
  if (phase === 'apply') return { ...notListed(name), ...unreachableResult(resourceType, []) };
  const cause = new TypeError('phase pre-delete needs a token on the project, and there is none');
  return notListed(name, [
    reportOf(cause, { code: `${name}.token`, service, region: context.region }),
  ]);
}

/**
 * Returns the exception and the condition for a type of class C or D after the project's deletion.
 * The type never counts as empty. `resources`: the resources that were listed (class D only).
 */
export function unreachableResult(
  { name, requiresLiveProject }: TypeFields,
  resources: readonly Resource[],
): Required<Pick<TypeIteration, 'exception' | 'conditions'>> {
  const leftover = requiresLiveProject?.leftover ?? 'its resources';
  const message =
    resources.length > 0
      ? `the service removes it only while the project exists; left: ${leftover}`
      : 'only a token on the project can list it, and the project is deleted; probably left: ' +
        `${leftover}`;
  const leftoverCondition = condition(name, 'Unsupported', message, 'operator', resources.at(0), {
    count: Math.max(1, resources.length),
  });
  const exception: Exception = { type: 'unreachable', because: `${leftover} could not be reached` };
  return { exception, conditions: [{ ...leftoverCondition, advice: requiresLiveProject?.advice }] };
}

/**
 * Returns the result for a type whose listing failed (safety rule "Not listed is not empty"). The
 * type counts as empty only in two cases:
 * - the service file reports that this cloud has no such resources, because an extension or a
 *   release is missing;
 * - the type was verified empty before the project's deletion, and this release now hides it.
 */
export function failedListingResult(
  { name }: TypeFields,
  error: ErrorReport,
  verifiedBeforeDeletion: readonly ResourceTypeName[],
): TypeIteration {
  const isHidden = isReportedByFile(error) && error.code.endsWith('.hidden');
  if (isHidden && verifiedBeforeDeletion.includes(name)) return emptyBeforeDeletion(name);
  if (isHidden)
    // The type is unreachable, like a type of class C after the project's deletion.
    return {
      ...notListed(name),
      conditions: [
        {
          ...condition(name, 'Unsupported', error.message, 'operator', undefined),
          advice: error.advice,
        },
      ],
      exception: { type: 'unreachable', because: error.message },
    };
  if (isReportedByFile(error))
    return {
      ...emptyResult(name),
      conditions: [condition(name, 'Unsupported', `skipped: ${error.message}`, 'none', undefined)],
    };
  // A 404 for a collection means that the endpoint is wrong or missing. It does not mean that the
  // collection is empty.
  const isEndpointProblem = error.class === 'Gone' || error.class === 'Unsupported';
  return notListed(name, [isEndpointProblem ? { ...error, class: 'Unexpected' } : error]);
}

/**
 * True if the service file itself reports the type as unsupported. A 405 or 501 alone is no proof,
 * because it may come from a proxy.
 */
const isReportedByFile = (error: ErrorReport): boolean =>
  error.class === 'Unsupported' && !error.code.includes('.http.');

/**
 * Returns the error for resources that were removed and are listed again. If this lasts for the
 * stall timeout, the task is dead-lettered with this error.
 */
export const returnedError = (
  name: ResourceTypeName,
  returnedResources: readonly Resource[],
  { service, context }: Pick<IterationInput<CommonContext>, 'service' | 'context'>,
): ErrorReport => ({
  code: `${name}.returned`,
  class: 'Transient',
  message:
    `${name}: ${RETURNED} (${returnedResources.length} of them, for example ` +
    `${returnedResources[0]?.id})`,
  advice:
    `Search the log of ${service} for this id: something creates it again, or the service ` +
    'answers success and does not delete it. Then redrive.',
  service,
  region: context.region,
});

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

type Named = Pick<ResourceType, 'name' | 'requiresLiveProject'>;

/**
 * Returns the result of the listing before the project's deletion, because the type can no longer
 * be listed.
 */
const verifiedEarlier = (resourceType: ResourceTypeName): TypeIteration => ({
  ...skippedAsEmpty(resourceType),
  isEarlierStatus: true,
});

const skippedAsEmpty = (resourceType: ResourceTypeName) => ({
  resourceType,
  status: 'empty' as const,
  count: { listed: 0, gone: 0, left: 0 },
  conditions: [],
  errors: [],
});

/**
 * Returns the API with a token on the project for a resource type of class C. If there is no token,
 * returns the result of the type instead.
 */
export function tokenOnProject<At extends CommonContext>(
  resourceType: Named,
  { phase, context, verifiedBeforeDeletion, service }: IterationInput<At>,
): ServiceApi | TypeIteration {
  const { name } = resourceType;
  if (phase === 'pre-delete' && context.projectApi) return context.projectApi;
  // Phase `plan` cannot list the type. The token would need a role on the project, and the phase
  // must not assign roles.
  if (phase === 'plan') return notListed(name);
  if (verifiedBeforeDeletion.includes(name)) return verifiedEarlier(name);
  if (phase === 'apply') return { ...notListed(name), ...unreachable(resourceType, []) };
  const cause = new TypeError('phase pre-delete needs a token on the project, and there is none');
  return notListed(name, [
    reportOf(cause, { code: `${name}.token`, service, region: context.region }),
  ]);
}

/**
 * Returns the exception and the condition of a type of class C or D after the project's deletion.
 * The type never counts as empty. `resources`: the listed resources of the type.
 */
export function unreachable(
  { name, requiresLiveProject }: Named,
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
 * Returns the result of a type whose listing failed (safety rule "Not listed is not empty"). The
 * type counts as empty in two cases. The service file reports that this cloud lacks the extension
 * or release. Or the type was verified empty before the deletion, and this release hides the type
 * now.
 */
export function listingFailed(
  { name }: Named,
  error: ErrorReport,
  verifiedBeforeDeletion: readonly ResourceTypeName[],
): TypeIteration {
  const isHidden = isReportedByFile(error) && error.code.endsWith('.hidden');
  if (isHidden && verifiedBeforeDeletion.includes(name)) return verifiedEarlier(name);
  if (isHidden)
    // The type is unreachable, like a type that only a token on the project can list.
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
      ...skippedAsEmpty(name),
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
 * Returns the error of resources that were removed and are listed again. If the resources are
 * listed again and again, the task makes no progress and is dead-lettered with this error.
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

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

/** Uses the listing of the existing project, because no listing shows the type now. */
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
 * Returns the API with a token on the project, for a resource type that only such a token can list
 * (class C). Returns the result of the type where there is no such token.
 */
export function tokenOnProject<At extends CommonContext>(
  resourceType: Named,
  { phase, context, verifiedBeforeDeletion, service }: IterationInput<At>,
): ServiceApi | TypeIteration {
  const { name } = resourceType;
  if (phase === 'pre-delete' && context.projectApi) return context.projectApi;
  // Phase `plan` does not list the type, because a token needs a role on the project and the phase
  // changes nothing.
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
 * Such a type is never treated as empty. `resources`: those that are listed.
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
  const one = condition(name, 'Unsupported', message, 'operator', resources.at(0), {
    count: Math.max(1, resources.length),
  });
  const exception: Exception = { type: 'unreachable', because: `${leftover} could not be reached` };
  return { exception, conditions: [{ ...one, advice: requiresLiveProject?.advice }] };
}

/**
 * Safety rule "Not listed is not empty". A type counts as empty only if the service file knows that
 * this cloud lacks it (an extension, a release), or if it was verified empty while the project
 * existed and this release hides it now.
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
  // A 404 for a collection means a wrong or missing endpoint, not an empty collection.
  const isOdd = error.class === 'Gone' || error.class === 'Unsupported';
  return notListed(name, [isOdd ? { ...error, class: 'Unexpected' } : error]);
}

/**
 * True if the service file itself reports the type as unsupported. A bare 405 or 501 may come from
 * a proxy and proves nothing.
 */
const isReportedByFile = (error: ErrorReport): boolean =>
  error.class === 'Unsupported' && !error.code.includes('.http.');

/**
 * Returns the error of resources that were removed and are listed again. The task is dead-lettered
 * with it if the state lasts, because removing the same resource again is no progress.
 */
export const returnedError = (
  name: ResourceTypeName,
  back: readonly Resource[],
  { service, context }: Pick<IterationInput<CommonContext>, 'service' | 'context'>,
): ErrorReport => ({
  code: `${name}.returned`,
  class: 'Transient',
  message: `${name}: ${RETURNED} (${back.length} of them, for example ${back[0]?.id})`,
  advice:
    `Search the log of ${service} for this id: something creates it again, or the service ` +
    'answers success and does not delete it. Then redrive.',
  service,
  region: context.region,
});

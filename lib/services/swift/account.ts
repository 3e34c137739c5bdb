import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { ApiAnswer, ProjectContext, RequestOptions, ServiceApi } from '../../task/service.ts';
import { withAdviceOn403 } from '../kit/errors.ts';

/**
 * The page size for a cluster that does not report its maximum. To a request for larger pages than
 * the maximum, Swift answers 412.
 */
export const DEFAULT_PAGE_SIZE = 1000;

/** The account of a project in Swift. */
export interface SwiftAccount {
  /** The URL of the account: `https://host/v1/AUTH_<project>`. */
  readonly endpoint: string;
  /** The project in the URL. */
  readonly project: string;
}

/**
 * Returns the account of the project. Its URL is the catalog's URL with the target project in place
 * of the propagator's own project. Rows of Swift name no owner, so the owner is the project in this
 * URL. Throws `Denied` if the catalog's URL does not end with the propagator's own project, because
 * the URL of another account is then unknown.
 */
export function accountOf({ api, project }: Pick<ProjectContext, 'api' | 'project'>): SwiftAccount {
  const { endpoint: ownEndpoint, ownProject } = api;
  if (
    ownProject === '' ||
    !ownEndpoint.endsWith(ownProject) ||
    !ownEndpoint.slice(0, -ownProject.length).includes('/v1/')
  )
    throw new PropagatorError({
      code: 'swift.endpoint.account',
      class: 'Denied',
      message:
        'the Swift endpoint in the catalog does not end in the account of a project, so ' +
        'the propagator cannot address other accounts',
      advice:
        'Register the endpoint as …/v1/AUTH_%(project_id)s in the catalog. Ceph: set ' +
        'rgw swift account in url = true.',
      service: 'swift',
      region: api.region,
    });
  const prefix = ownEndpoint.slice(0, -ownProject.length);
  const endpoint = `${prefix}${encodeURIComponent(project)}`;
  return { endpoint, project: endpoint.slice(prefix.length) };
}

const infoBody = z.object({
  swift: z
    .object({
      allow_account_management: z.boolean().optional(),
      account_autocreate: z.boolean().optional(),
      account_listing_limit: z.number().int().min(1).optional(),
      container_listing_limit: z.number().int().min(1).optional(),
    })
    .optional(),
  bulk_delete: z.object({ max_deletes_per_request: z.number().int().min(1).optional() }).optional(),
  object_versioning: z.object({}).optional(),
});
export type ClusterInfo = z.infer<typeof infoBody>;

/**
 * Returns the capabilities that the cluster reports at `/info`. Returns `undefined` if the cluster
 * refuses the request, for example because its operator has disabled `/info`. Throws only errors of
 * class `Transient`.
 */
export function clusterInfoOf(context: ProjectContext): Promise<ClusterInfo | undefined> {
  return context.memoize('swift.info', async () => {
    const rootEndpoint = context.api.endpoint.replace(/\/v1\/[^/]*$/, '');
    try {
      const answer = await context.api.request('GET', '/info', { endpoint: rootEndpoint });
      return infoBody.safeParse(answer.json).data;
    } catch (error) {
      if (error instanceof PropagatorError && error.class !== 'Transient') return undefined;
      throw error;
    }
  });
}

/** Sends a request to the project's account. `path` is below the account. */
export function requestAccount(
  context: ProjectContext,
  method: Parameters<ServiceApi['request']>[0],
  path: string,
  options: RequestOptions = {},
): Promise<ApiAnswer> {
  return withRoleAdvice(
    context.api.request(method, path, { ...options, endpoint: accountOf(context).endpoint }),
  );
}

/** Replaces the advice of a 403. Swift answers 403 only if the propagator lacks the role. */
export const withRoleAdvice = <T>(call: Promise<T>): Promise<T> =>
  withAdviceOn403(
    call,
    'Assign the role that reseller_admin_role names in the proxy ' +
      '([filter:keystoneauth]; default ResellerAdmin) to the propagator on its own ' +
      'project. The role admin does not give access to other accounts.',
  );

/**
 * Returns true if the error proves that the account does not exist. A 410 means a deleted account.
 * A 404 is a proof only if the cluster reports that it does not create accounts automatically. With
 * automatic creation, Swift never answers 404 for a missing account, so the URL is wrong.
 */
export async function isMissingAccount(error: unknown, context: ProjectContext): Promise<boolean> {
  if (!(error instanceof PropagatorError)) return false;
  if (error.report.status === 410) return true;
  if (error.report.status !== 404) return false;
  return (await clusterInfoOf(context))?.swift?.account_autocreate === false;
}

import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Answer, ProjectContext, RequestOptions, ServiceApi } from '../../task/service.ts';

/**
 * Rows of one page where the cluster does not tell how many it allows; more than it allows is
 * answered 412.
 */
export const CAREFUL_PAGE = 1000;

/** The account of a project in Swift. */
export interface SwiftAccount {
  /** Its URL: `https://host/v1/AUTH_<project>`. */
  readonly endpoint: string;
  /** The project that this URL is about, read back out of it. */
  readonly project: string;
}

/**
 * The URL of the account: that of our own project in the catalog with the project replaced,
 * whatever the reseller prefix. A row of Swift names no owner; the account that was listed is all
 * the owner there is, so it is read back out of its URL. Throws `Denied` when the catalog's URL
 * does not end in our own project, for then no other account can be addressed.
 */
export function accountOf({ api, project }: Pick<ProjectContext, 'api' | 'project'>): SwiftAccount {
  const { endpoint: home, ownProject } = api;
  if (
    ownProject === '' ||
    !home.endsWith(ownProject) ||
    !home.slice(0, -ownProject.length).includes('/v1/')
  )
    throw new PropagatorError({
      code: 'swift.endpoint.account',
      class: 'Denied',
      message:
        'the endpoint of Swift does not end in the account of a project, so that no other account can be reached',
      advice:
        'Register it as …/v1/AUTH_%(project_id)s in the catalog (Ceph: with rgw swift account in url = true).',
      service: 'swift',
      region: api.region,
    });
  const prefix = home.slice(0, -ownProject.length);
  const endpoint = `${prefix}${encodeURIComponent(project)}`;
  return { endpoint, project: endpoint.slice(prefix.length) };
}

const info = z.object({
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
  versioned_writes: z.object({}).optional(),
});
export type Info = z.infer<typeof info>;

/**
 * What the cluster says that it can do, at `/info`; `undefined` where its operator hides that.
 * Throws `Transient` only.
 */
export function infoOf(context: ProjectContext): Promise<Info | undefined> {
  return context.memoize('swift.info', async () => {
    const root = context.api.endpoint.replace(/\/v1\/[^/]*$/, '');
    try {
      const answer = await context.api.request('GET', '/info', { endpoint: root });
      return info.safeParse(answer.json).data;
    } catch (error) {
      if (error instanceof PropagatorError && error.class !== 'Transient') return undefined;
      throw error;
    }
  });
}

/** A call to the project's account; `path` from below the account on. */
export function ask(
  context: ProjectContext,
  method: Parameters<ServiceApi['request']>[0],
  path: string,
  options: RequestOptions = {},
): Promise<Answer> {
  return speak(
    context.api.request(method, path, { ...options, endpoint: accountOf(context).endpoint }),
  );
}

/** Puts the one cause that a 403 has in Swift into its advice. */
export async function speak<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof PropagatorError) || error.report.status !== 403) throw error;
    const advice =
      'Give the cleaner, on its own project, the role named by reseller_admin_role in the proxy ([filter:keystoneauth]; default ResellerAdmin). "admin" opens no other account.';
    throw new PropagatorError({ ...error.report, advice }, { cause: error });
  }
}

/**
 * Whether an account's answer means that there is none: 410 for a deleted one; 404 only from a
 * Swift that says of itself that it makes no accounts by itself. Any other 404 is a wrong URL, and
 * knows nothing.
 */
export async function isMissingAccount(error: unknown, context: ProjectContext): Promise<boolean> {
  if (!(error instanceof PropagatorError)) return false;
  if (error.report.status === 410) return true;
  if (error.report.status !== 404) return false;
  return (await infoOf(context))?.swift?.account_autocreate === false;
}

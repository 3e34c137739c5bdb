import { PropagatorError } from '../shared/errors.ts';
import { defineService, defineType } from '../task/service.ts';
import {
  accountOf,
  clusterInfoOf,
  isMissingAccount,
  requestAccount,
  withRoleAdvice,
} from './swift/account.ts';
import {
  type ContainerRow,
  containerRow,
  containersOf,
  incompleteContainers,
  objectCount,
  objectsOfAccount,
} from './swift/listing.ts';
import { type ObjectRow, pathOfContainer, removeObjects } from './swift/object.ts';
import { provision } from './swift/provision.ts';
import { publicAccessSuspension } from './swift/suspend.ts';

/**
 * The value of `independentOf` for types whose removal does not wait for Nova: no server needs the
 * objects.
 */
const INDEPENDENT_OF_NOVA: readonly string[] = ['nova'];

/**
 * Objects, versions and delete markers of all containers. Manifests and segments are ordinary
 * objects.
 */
const object = defineType<ObjectRow>({
  name: 'object',
  independentOf: INDEPENDENT_OF_NOVA,
  async list(context) {
    const { rows, hasMore } = await objectsOfAccount(context);
    if (!hasMore) return rows;
    return { rows, hasMore, total: Math.max(rows.length, await objectCount(context)) };
  },
  id: (row) =>
    `${row.container}/${row.name}${row.version === undefined ? '' : `?version-id=${row.version}`}`,
  owner: (row) => row.owner,
  async remove(row, context) {
    const [result] = await removeObjects([row], context);
    if (result instanceof PropagatorError) throw result;
    return result ?? { kind: 'accepted' };
  },
  batch: { maxItems: 500, remove: removeObjects },
});

/** Containers. The deletion of a container ends public read access to it. */
const container = defineType<ContainerRow>({
  name: 'container',
  independentOf: INDEPENDENT_OF_NOVA,
  dependsOn: [{ types: ['object'], strength: 'preferred', until: 'done' }],
  list: containersOf,
  id: (row) => row.name,
  owner: (row) => row.owner,
  async remove(row, context) {
    if ((await incompleteContainers(context)).has(row.name))
      return {
        kind: 'blocked',
        message: 'the container holds objects that this run has not listed yet',
        actor: 'none',
      };
    const answer = await requestAccount(context, 'DELETE', pathOfContainer(row.name), {
      accept: [404, 409],
    });
    if (answer.status === 409)
      return {
        kind: 'blocked',
        message:
          'Swift refuses to delete the container (409): the listing of the container may lag ' +
          'behind, or new objects were written to the container',
        actor: 'none',
        advice:
          'The propagator tries again. If the error persists, check the object-updater, the ' +
          'object-expirer (expired objects that are not removed yet) and the replicators ' +
          'of Swift.',
      };
    // A 404 means that the account's listing is outdated. Only a new listing proves that the
    // container is gone.
    return answer.status === 404 ? { kind: 'accepted' } : { kind: 'gone' };
  },
});

const ACCOUNT_RETAINED_MESSAGE =
  'this cluster does not permit the deletion of accounts ' +
  '(allow_account_management is off); the empty account stays';
const ACCOUNT_RETAINED_ADVICE =
  'No action is necessary. To let the propagator also delete accounts, set ' +
  'allow_account_management = true on an internal proxy.';

/** The account with its temporary-URL keys and quotas. Swift's reaper frees its space later. */
const account = defineType<{ readonly name: string; readonly owner: string }>({
  name: 'account',
  dependsOn: [{ types: ['container'], strength: 'required', until: 'empty' }],
  async list(context) {
    const { endpoint, project } = accountOf(context);
    const answer = await requestAccount(context, 'HEAD', '').catch(async (error: unknown) => {
      if (await isMissingAccount(error, context)) return undefined;
      throw error;
    });
    // Swift answers 204 for an existing account, and 200 for an account that was never created.
    if (answer?.status !== 204) return [];
    if ((await clusterInfoOf(context))?.swift?.allow_account_management === false)
      throw new PropagatorError({
        code: 'swift.account.unmanaged',
        class: 'Unsupported',
        message: ACCOUNT_RETAINED_MESSAGE,
        advice: ACCOUNT_RETAINED_ADVICE,
        service: 'swift',
        region: context.region,
      });
    return [{ name: endpoint.slice(endpoint.lastIndexOf('/') + 1), owner: project }];
  },
  id: (row) => row.name,
  owner: (row) => row.owner,
  async remove(_row, context) {
    const { endpoint } = accountOf(context);
    const remainingContainers = await withRoleAdvice(
      context.api.list('', {
        row: containerRow,
        paging: 'swift',
        pageSize: 1,
        maxRows: 1,
        endpoint,
      }),
    );
    if (remainingContainers.rows.length > 0)
      return { kind: 'blocked', message: 'the account still lists containers', actor: 'none' };
    // The request has no query, because Swift treats an account DELETE with a query as a wrong bulk
    // delete.
    const answer = await requestAccount(context, 'DELETE', '', { accept: [404, 405, 410] });
    if (answer.status !== 405) return { kind: 'gone' };
    return { kind: 'retained', message: ACCOUNT_RETAINED_MESSAGE, advice: ACCOUNT_RETAINED_ADVICE };
  },
});

/**
 * Swift, API v1. The propagator needs the role ResellerAdmin, because the role admin gives no
 * access to accounts of other projects.
 */
export const swift = defineService({
  name: 'swift',
  catalogTypes: ['object-store'],
  // The S3-compatible API gives access to the same account.
  catalogAliases: ['s3'],
  // Cinder and Glance may store backups and images in the account. The dependencies are only
  // preferred: a public image that waits for the operator must not block Swift's cleanup. A hold on
  // a backup, an image or a server does block Swift's cleanup (`lib/operation/overtaking.ts`).
  dependsOn: [
    { services: ['nova'], strength: 'preferred', until: 'done' },
    { types: ['cinder.backup', 'glance.image'], strength: 'preferred', until: 'empty' },
  ],
  resourceTypes: [object, container, account],
  suspension: { suspendAfter: ['aodh'], types: [publicAccessSuspension] },
  leftBySuspend: [
    {
      types: ['object'],
      because: 'The read access of a container applies to its objects.',
    },
    {
      types: ['container', 'account'],
      because:
        'The suspension of the type public-access removes the public access. No other user can ' +
        'use the container, because Keystone gives no token on a disabled project.',
    },
  ],
  provision,
});

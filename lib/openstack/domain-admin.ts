import * as z from 'zod';
import type { DomainId } from '../../events/ids.ts';
import type { KeystoneCheck } from '../operation/keystone-check.ts';
import { type ErrorReport, PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import {
  type DomainResources,
  domainListings,
  LISTED_AFTER_DELETION,
  listResources,
  REMOVED_BEFORE_DOMAIN,
} from './domain-contents.ts';

/** The resources of a domain in Keystone itself. */
export interface DomainContents {
  readonly resources: readonly DomainResources[];
  /**
   * Why Keystone would refuse the deletion of the domain, and which types Keystone did not list.
   */
  readonly check: KeystoneCheck;
}

/** The calls to Keystone for the deletion of a whole domain. Each may be repeated. */
export interface DomainAdmin {
  /** Lists the domain's resources in Keystone except projects. Makes only GET calls. */
  contents(domain: DomainId): Promise<DomainContents>;
  /** Disables the domain: its users cannot log in, and Keystone gives no token on its projects. */
  disable(domain: DomainId): Promise<void>;
  /** Enables the domain again, after its deletion was canceled or refused. */
  enable(domain: DomainId): Promise<void>;
  /**
   * Deletes the roles and limits of the domain, and then the domain. Keystone itself then removes
   * the users, groups, identity providers and configuration of the domain. It would also remove the
   * projects, so the caller must make sure that the domain has none. Returns a text for each type
   * that Keystone did not list after the deletion. Throws `PropagatorError` if Keystone still shows
   * the domain or any of its resources.
   */
  delete(domain: DomainId): Promise<readonly string[]>;
}

const domainAnswer = z.object({
  domain: z.object({
    id: z.string(),
    options: z.object({ immutable: z.boolean().nullish() }).nullish(),
  }),
});

/**
 * Implements the calls with Keystone's API v3. `systemApi`: the same API as `api`, with a
 * system-scoped token, which is needed for limits.
 */
export function createDomainAdmin(api: ServiceApi, systemApi: ServiceApi): DomainAdmin {
  const pathOf = (domain: string): string => `/v3/domains/${encodeURIComponent(domain)}`;
  const listings = domainListings(api, systemApi);
  const setEnabled = async (domain: string, enabled: boolean): Promise<void> => {
    await api.request('PATCH', pathOf(domain), { json: { domain: { enabled } }, accept: [404] });
  };
  const deleteRolesAndLimits = async (domain: DomainId): Promise<void> => {
    const types = REMOVED_BEFORE_DOMAIN.map(({ type }) => type);
    const { resources } = await listResources(listings, types, domain);
    for (const { type, collection, needsSystemScope } of REMOVED_BEFORE_DOMAIN) {
      const apiOfType = needsSystemScope ? systemApi : api;
      const resourcesOfType = resources.find(
        ({ resourceType }) => resourceType === `keystone.${type}`,
      );
      for (const { id } of resourcesOfType?.rows ?? [])
        await apiOfType.request('DELETE', `${collection}/${encodeURIComponent(id)}`, {
          accept: [404],
        });
    }
  };

  return {
    async contents(domain) {
      const answer = domainAnswer.parse((await api.request('GET', pathOf(domain))).json);
      const refusals =
        answer.domain.options?.immutable === true
          ? [
              {
                message: 'the domain is immutable, so Keystone refuses to disable and to delete it',
                advice: `Type: openstack project set --no-immutable ${domain}`,
              },
            ]
          : [];
      const { resources, listingFaults } = await listResources(
        listings,
        Object.keys(listings),
        domain,
      );
      return { resources, check: { refusals, unknown: listingFaults } };
    },
    disable: (domain) => setEnabled(domain, false),
    enable: (domain) => setEnabled(domain, true),
    async delete(domain) {
      await deleteRolesAndLimits(domain);
      await api.request('DELETE', pathOf(domain), { accept: [404] });
      const answer = await api.request('GET', pathOf(domain), { accept: [404] });
      if (answer.status !== 404)
        throw notDeletedError('domain', 'still shows the domain', answer.requestId);
      const listedAfter = await listResources(listings, LISTED_AFTER_DELETION, domain);
      const remainingResources = listedAfter.resources.filter(({ rows }) => rows.length > 0);
      if (remainingResources.length > 0) {
        const names = remainingResources.map(
          ({ resourceType, rows }) => `${rows.length} of ${resourceType}`,
        );
        throw notDeletedError('contents', `still lists ${names.join(', ')}`, undefined);
      }
      return listedAfter.listingFaults;
    },
  };
}

const notDeletedError = (
  remaining: 'domain' | 'contents',
  fault: string,
  requestId: ErrorReport['requestId'],
): PropagatorError =>
  new PropagatorError({
    code: `keystone.${remaining}.still-there`,
    class: 'Transient',
    message: `Keystone accepted the deletion of the domain but ${fault}`,
    advice: 'The answer may be stale. The propagator checks again.',
    service: 'keystone',
    requestId,
  });

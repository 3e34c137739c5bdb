import * as z from 'zod';
import { type DomainId, ResourceTypeName } from '../../events/ids.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';

/** A domain's resources of one type in Keystone itself. */
export interface DomainResources {
  readonly resourceType: ResourceTypeName;
  readonly rows: readonly { readonly id: string; readonly name?: string | undefined }[];
}

/** The listed resources of a domain, and the reasons why Keystone did not list other types. */
export interface ListedResources {
  readonly resources: readonly DomainResources[];
  readonly listingFaults: readonly string[];
}

/**
 * The types whose rows Keystone keeps when it deletes their domain (Zed and 2026.2:
 * `resource/core.py`, `_delete_domain`). The propagator deletes these rows right before the domain.
 */
export const REMOVED_BEFORE_DOMAIN = [
  { type: 'role', collection: '/v3/roles', needsSystemScope: false },
  { type: 'limit', collection: '/v3/limits', needsSystemScope: true },
] as const;

/**
 * The types that the propagator lists after the deletion of the domain. None of their resources may
 * be left then. Users and groups are not among these types: Keystone deletes the identity driver of
 * the domain with the domain, and cannot list them afterwards.
 */
export const LISTED_AFTER_DELETION = ['role', 'limit', 'identity-provider'] as const;

const row = z.object({ id: z.string(), name: z.string().nullish() });
const ownedRow = row.extend({ domain_id: z.string().nullish() });
const limitRow = ownedRow.extend({ resource_name: z.string().nullish() });
const protocolRow = z.object({ id: z.string(), mapping_id: z.string().nullish() });
const configAnswer = z.object({ config: z.record(z.string(), z.unknown()) });
const PROVIDERS_PATH = '/v3/OS-FEDERATION/identity_providers';

type Row = { readonly id: string; readonly name?: string | null | undefined };
type Listing = (domain: DomainId) => Promise<readonly Row[]>;

/**
 * Returns the listings of a domain's resources in Keystone, by type. `systemApi`: Keystone with a
 * system-scoped token. With another token, Keystone 22 lists only the limits of the token's
 * project.
 */
export function domainListings(
  api: ServiceApi,
  systemApi: ServiceApi,
): Readonly<Record<string, Listing>> {
  const list = async <S extends z.ZodType>(
    path: string,
    collection: string,
    shape: S,
    query: Record<string, string> = {},
    listingApi: ServiceApi = api,
  ): Promise<z.infer<S>[]> => {
    const options = { collection, row: shape, paging: 'next' as const };
    return (await listingApi.list(path, { ...options, query: { ...query, limit: undefined } }))
      .rows;
  };
  // Keystone ignores unknown filters, so the domain in each row is checked.
  const listingByDomain =
    (path: string, collection: string): Listing =>
    async (domain) =>
      (await list(path, collection, ownedRow, { domain_id: domain })).filter(
        (one) => one.domain_id === domain,
      );
  const listProviders = listingByDomain(PROVIDERS_PATH, 'identity_providers');
  return {
    user: listingByDomain('/v3/users', 'users'),
    group: listingByDomain('/v3/groups', 'groups'),
    role: listingByDomain('/v3/roles', 'roles'),
    'identity-provider': listProviders,
    mapping: async (domain) => {
      const ids = new Set<string>();
      for (const { id } of await listProviders(domain)) {
        const path = `${PROVIDERS_PATH}/${encodeURIComponent(id)}/protocols`;
        for (const { mapping_id } of await list(path, 'protocols', protocolRow))
          if (mapping_id) ids.add(mapping_id);
      }
      return [...ids].map((id) => ({ id }));
    },
    limit: async (domain) =>
      (await list('/v3/limits', 'limits', limitRow, { domain_id: domain }, systemApi))
        .filter((one) => one.domain_id === domain)
        .map((one) => ({ id: one.id, name: one.resource_name })),
    'domain-config': async (domain) => {
      const path = `/v3/domains/${encodeURIComponent(domain)}/config`;
      const answer = await api.request('GET', path, { accept: [404] });
      if (answer.status === 404) return [];
      return Object.keys(configAnswer.parse(answer.json).config).map((id) => ({ id }));
    },
  };
}

/**
 * Lists the resources of these types. Throws if a listing fails with an error of class `Transient`.
 * For any other error of a listing, `listingFaults` contains a text.
 */
export async function listResources(
  listings: Readonly<Record<string, Listing>>,
  types: readonly string[],
  domain: DomainId,
): Promise<ListedResources> {
  const resources: DomainResources[] = [];
  const listingFaults: string[] = [];
  for (const type of types) {
    const rows = await listings[type]?.(domain).catch((thrown: unknown): readonly Row[] => {
      if (!(thrown instanceof PropagatorError) || thrown.report.class === 'Transient') throw thrown;
      listingFaults.push(`${type}s of the domain, which Keystone does not list: ${thrown.message}`);
      return [];
    });
    resources.push({
      resourceType: ResourceTypeName.parse(`keystone.${type}`),
      rows: (rows ?? []).map(({ id, name }) => ({ id, name: name ?? undefined })),
    });
  }
  return { resources, listingFaults };
}

import * as z from 'zod';
import { type DomainId, ResourceTypeName } from '../../events/ids.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';

/** A domain's resources of one type in Keystone itself. */
export interface DomainPart {
  readonly resourceType: ResourceTypeName;
  readonly rows: readonly { readonly id: string; readonly name?: string | undefined }[];
}

/** The listed resources of a domain, and the reasons why other types could not be listed. */
export interface ListedParts {
  readonly parts: readonly DomainPart[];
  readonly unlisted: readonly string[];
}

/**
 * Types with their collections. Keystone keeps the rows of these types when it deletes their domain
 * (Zed and 2026.2: `resource/core.py`, `_delete_domain`). The propagator deletes these rows right
 * before the domain.
 */
export const OWN_REMOVALS = { role: '/v3/roles', limit: '/v3/limits' } as const;

/**
 * The propagator lists these types again after the deletion, and they must be empty. It cannot list
 * users and groups, because their driver is deleted with the domain.
 */
export const VERIFIED = ['role', 'limit', 'identity-provider'] as const;

const row = z.object({ id: z.string(), name: z.string().nullish() });
const owned = row.extend({ domain_id: z.string().nullish() });
const limit = owned.extend({ resource_name: z.string().nullish() });
const protocol = z.object({ id: z.string(), mapping_id: z.string().nullish() });
const shownConfig = z.object({ config: z.record(z.string(), z.unknown()) });
const PROVIDERS = '/v3/OS-FEDERATION/identity_providers';

type Row = { readonly id: string; readonly name?: string | null | undefined };
type Listing = (domain: DomainId) => Promise<readonly Row[]>;

/**
 * Returns the listings of a domain's resources in Keystone, by type. `system`: Keystone with a
 * system-scoped token. With another token, Keystone 22 lists only the limits of the token's
 * project.
 */
export function domainListings(
  api: ServiceApi,
  system: ServiceApi,
): Readonly<Record<string, Listing>> {
  const list = async <S extends z.ZodType>(
    of: string,
    collection: string,
    shape: S,
    query: Record<string, string> = {},
    listingApi: ServiceApi = api,
  ): Promise<z.infer<S>[]> => {
    const listing = { collection, row: shape, paging: 'next' as const };
    return (await listingApi.list(of, { ...listing, query: { ...query, limit: undefined } })).rows;
  };
  // Keystone ignores unknown filters, so the domain in each row is checked.
  const ownedBy =
    (of: string, collection: string): Listing =>
    async (domain) =>
      (await list(of, collection, owned, { domain_id: domain })).filter(
        (one) => one.domain_id === domain,
      );
  const providers = ownedBy(PROVIDERS, 'identity_providers');
  return {
    user: ownedBy('/v3/users', 'users'),
    group: ownedBy('/v3/groups', 'groups'),
    role: ownedBy(OWN_REMOVALS.role, 'roles'),
    'identity-provider': providers,
    mapping: async (domain) => {
      const ids = new Set<string>();
      for (const { id } of await providers(domain)) {
        const of = `${PROVIDERS}/${encodeURIComponent(id)}/protocols`;
        for (const one of await list(of, 'protocols', protocol))
          if (one.mapping_id) ids.add(one.mapping_id);
      }
      return [...ids].map((id) => ({ id }));
    },
    limit: async (domain) =>
      (await list(OWN_REMOVALS.limit, 'limits', limit, { domain_id: domain }, system))
        .filter((one) => one.domain_id === domain)
        .map((one) => ({ id: one.id, name: one.resource_name })),
    'domain-config': async (domain) => {
      const path = `/v3/domains/${encodeURIComponent(domain)}/config`;
      const answer = await api.request('GET', path, { accept: [404] });
      if (answer.status === 404) return [];
      return Object.keys(shownConfig.parse(answer.json).config).map((id) => ({ id }));
    },
  };
}

/** Lists the named types. Throws temporary errors; other failures are returned in `unlisted`. */
export async function listParts(
  listings: Readonly<Record<string, Listing>>,
  names: readonly string[],
  domain: DomainId,
): Promise<ListedParts> {
  const parts: DomainPart[] = [];
  const unlisted: string[] = [];
  for (const name of names) {
    const rows = await listings[name]?.(domain).catch((thrown: unknown): readonly Row[] => {
      if (!(thrown instanceof PropagatorError) || thrown.report.class === 'Transient') throw thrown;
      unlisted.push(`${name}s of the domain, which Keystone does not list: ${thrown.message}`);
      return [];
    });
    parts.push({
      resourceType: ResourceTypeName.parse(`keystone.${name}`),
      rows: (rows ?? []).map(({ id, name: shown }) => ({ id, name: shown ?? undefined })),
    });
  }
  return { parts, unlisted };
}

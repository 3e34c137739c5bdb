import * as z from 'zod';
import type { ComparePart, ProvisionContext, ProvisionItem } from '../../task/service.ts';
import type { QuotaSet } from './quota-set.ts';

/** Limits by name. In services that support it, -1 means no limit. */
export type QuotaLimits = Readonly<Record<string, number>>;

/** The schema of the limits with these names in a profile. */
export const limitsSchema = (names: readonly string[]): z.ZodType<QuotaLimits> =>
  z
    .strictObject(
      Object.fromEntries(
        names.map((name) => [
          name,
          z.number({ error: 'write a whole number, or -1 for no limit' }).int().min(-1).optional(),
        ]),
      ),
    )
    .transform((limits) =>
      Object.fromEntries(
        Object.entries(limits).flatMap(([n, v]) => (v === undefined ? [] : [[n, v]])),
      ),
    );

/** The limits of a project and the defaults, as a service shows them. */
export interface ShownQuota {
  readonly limits: Readonly<Record<string, unknown>>;
  /** The default limits; empty if the service does not show them. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

/** The calls that read and set the limits of a project in one service. */
export interface QuotaProvision<Section> {
  limitsIn(section: Section): QuotaLimits | undefined;
  /** Reads the limits. Must not create anything. */
  read(context: ProvisionContext): Promise<ShownQuota>;
  /** Sets only these limits. */
  write(limits: QuotaLimits, context: ProvisionContext): Promise<void>;
}

/**
 * Provisions limits. A limit with the default value counts as missing, and one call sets all
 * missing limits. A limit with any other value was set by a person, so it is reported as different.
 *
 * @example
 * const quota = provisionQuota<Section>({
 *   limitsIn: (section) => section.quota,
 *   read: ({ api, project }) => limitsOf(api, project),
 *   write: async (limits, { api, project }) => {
 *     await api.request('PUT', `/os-quota-sets/${project}`, { json: { quota_set: limits } });
 *   },
 * });
 */
export const provisionQuota =
  <Section>({ limitsIn, read, write }: QuotaProvision<Section>): ComparePart<Section> =>
  async (section, context) => {
    const wantedLimits = Object.entries(limitsIn(section) ?? {});
    if (wantedLimits.length === 0) return [];
    const { limits, defaults } = await read(context);
    const stateOf = ([name, limit]: readonly [string, number]): ProvisionItem['state'] => {
      if (limits[name] === limit) return 'as-wanted';
      const isUnset = limits[name] === undefined || limits[name] === null;
      return isUnset || limits[name] === defaults[name] ? 'missing' : 'differs';
    };
    const writeByState = (['missing', 'differs'] as const).map((state) => {
      const limitsToSet = Object.fromEntries(wantedLimits.filter((one) => stateOf(one) === state));
      return [state, () => write(limitsToSet, context)] as const;
    });
    return wantedLimits.map(([name, limit]): ProvisionItem => {
      const state = stateOf([name, limit]);
      const found = limits[name];
      return {
        type: 'quota',
        name,
        state,
        wanted: String(limit),
        ...(found === undefined || found === null ? {} : { found: String(found) }),
        make: writeByState.find(([of]) => of === state)?.[1],
      };
    });
  };

/** Provisions the limits in `quota` of a section, in a service with a quota set. */
export const provisionQuotaSet = <Section extends { readonly quota?: QuotaLimits | undefined }>({
  readWithDefaults: read,
  write,
}: QuotaSet): ComparePart<Section> =>
  provisionQuota<Section>({ limitsIn: (section) => section.quota, read, write });

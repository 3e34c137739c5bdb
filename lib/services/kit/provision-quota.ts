import * as z from 'zod';
import type { ComparePart, ProvisionContext, ProvisionItem } from '../../task/service.ts';
import type { QuotaSetCalls } from './quota-set.ts';

/** Limits by name. In most services, the value -1 means no limit. */
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
        Object.entries(limits).flatMap(([name, limit]) =>
          limit === undefined ? [] : [[name, limit]],
        ),
      ),
    );

/** The limits of a project and the defaults, as a service shows them. */
export interface QuotaWithDefaults {
  readonly limits: Readonly<Record<string, unknown>>;
  /** The default limits; empty if the service does not show them. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

/** The input of {@link defineQuotaProvision}. */
export interface QuotaProvisionDefinition<Section> {
  limitsIn(section: Section): QuotaLimits | undefined;
  /** Reads the limits. Must not create anything. */
  read(context: ProvisionContext): Promise<QuotaWithDefaults>;
  /** Sets these limits. Other limits keep their values. */
  write(limits: QuotaLimits, context: ProvisionContext): Promise<void>;
}

/**
 * Defines the part of a profile that sets the limits of a project. A limit with the wanted value is
 * `as-wanted`. A limit that is unset or has the default value is `missing`. A limit with another
 * value `differs`, because a person has set it. One call sets all limits in state `missing`, and
 * another call sets all limits in state `differs`.
 *
 * @example
 * const quota = defineQuotaProvision<Section>({
 *   limitsIn: (section) => section.quota,
 *   read: ({ api, project }) => limitsOf(api, project),
 *   write: async (limits, { api, project }) => {
 *     await api.request('PUT', `/os-quota-sets/${project}`, { json: { quota_set: limits } });
 *   },
 * });
 */
export const defineQuotaProvision =
  <Section>({ limitsIn, read, write }: QuotaProvisionDefinition<Section>): ComparePart<Section> =>
  async (section, context) => {
    const wantedLimits = Object.entries(limitsIn(section) ?? {});
    if (wantedLimits.length === 0) return [];
    const currentQuota = await read(context);
    const makeForState = (state: LimitState) => {
      const limits = wantedLimits.filter(
        ([name, wantedLimit]) => stateOf(name, wantedLimit, currentQuota) === state,
      );
      return () => write(Object.fromEntries(limits), context);
    };
    // All items of a state share one function, so that the run writes their limits with one call.
    const makeByState = {
      'as-wanted': undefined,
      missing: makeForState('missing'),
      differs: makeForState('differs'),
    };
    return wantedLimits.map(([name, wantedLimit]): ProvisionItem => {
      const state = stateOf(name, wantedLimit, currentQuota);
      const presentLimit = currentQuota.limits[name] ?? undefined;
      return {
        type: 'quota',
        name,
        state,
        wanted: String(wantedLimit),
        ...(presentLimit === undefined ? {} : { found: String(presentLimit) }),
        make: makeByState[state],
      };
    });
  };

type LimitState = 'as-wanted' | 'missing' | 'differs';

/** Compares one limit with the value that the profile wants. */
function stateOf(
  name: string,
  wantedLimit: number,
  { limits, defaults }: QuotaWithDefaults,
): LimitState {
  const presentLimit = limits[name] ?? undefined;
  if (presentLimit === wantedLimit) return 'as-wanted';
  return presentLimit === undefined || presentLimit === defaults[name] ? 'missing' : 'differs';
}

/**
 * Defines the part of a profile that sets the limits in the field `quota` of a section. The part
 * uses the calls of a {@link QuotaSetCalls}.
 */
export const defineQuotaSetProvision = <
  Section extends { readonly quota?: QuotaLimits | undefined },
>({
  readWithDefaults: read,
  write,
}: QuotaSetCalls): ComparePart<Section> =>
  defineQuotaProvision<Section>({ limitsIn: (section) => section.quota, read, write });

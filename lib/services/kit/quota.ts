import * as z from 'zod';
import type {
  ProjectContext,
  Removal,
  ResourceTypeFactory,
  UserContext,
} from '../../task/service.ts';
import { defineType, defineUserType, type ResourceTypeDefinition } from '../../task/service.ts';

/**
 * The definition of a resource type whose rows are limits that differ from the service's defaults:
 * limits of a project, or of a user in a project.
 */
export interface QuotaDefinition<Row, Context = ProjectContext>
  extends Omit<ResourceTypeDefinition<Row, Context>, 'name' | 'remove' | 'batch'> {
  /** The default is `quota`. */
  readonly name?: string;
  /**
   * Resets the limits to the defaults. Returns `undefined` if the service accepted the reset. The
   * limits are then listed again. Returns a {@link Removal} if the service refused the reset.
   */
  reset(row: Row, context: Context): Promise<Removal | undefined>;
}

/**
 * Defines a quota as a resource type. Some services accept a reset but keep the limits. For
 * example, Nova with unified limits answers 202 and does nothing, and Octavia 2026.2 writes the
 * defaults into the row of the project. The limits are therefore listed again after the reset.
 * Remaining limits do no harm, so their removal is `retained`: the report names the limits, and the
 * task ends.
 *
 * @example
 * const quota = defineQuota({
 *   dependsOn: [{ types: ['server'], strength: 'required', until: 'empty' }],
 *   list: ({ api, project }) => limitsOf(api, project),
 *   id: (row) => row.project,
 *   owner: (row) => row.project,
 *   label: (row) => row.limits,
 *   async reset(row, { api }) {
 *     await api.request('DELETE', `/os-quota-sets/${encodeURIComponent(row.project)}`);
 *     return undefined;
 *   },
 * });
 */
export function defineQuota<Row>(definition: QuotaDefinition<Row>): ResourceTypeFactory {
  const { reset, ...typeDefinition } = definition;
  return defineType<Row>({ name: 'quota', ...typeDefinition, remove: removeByReset(definition) });
}

/** The limits of a project as one row. */
export interface LimitsRow {
  readonly project: string;
  /** The names of the limits, separated by commas. The report shows this text. */
  readonly limits: string;
}

/** Returns one row with the names of the limits. Returns no row if there are no names. */
export const limitsRows = (project: string, names: readonly string[]): LimitsRow[] =>
  names.length === 0 ? [] : [{ project, limits: names.join(', ') }];

/** Defines the limits of a project as a resource type with one row, a {@link LimitsRow}. */
export const defineProjectQuota = (
  definition: Omit<QuotaDefinition<LimitsRow>, 'id' | 'owner' | 'label'>,
): ResourceTypeFactory =>
  defineQuota<LimitsRow>({
    ...definition,
    id: (row) => row.project,
    owner: (row) => row.project,
    label: (row) => row.limits,
  });

const quotaSetBody = z.object({ quota_set: z.looseObject({ id: z.string() }) });

/**
 * Defines the quota of a service that shows limits and the id of their owner at `PATH/PROJECT`, and
 * the defaults at `PATH/PROJECT/defaults`. A DELETE of `PATH/PROJECT` resets the limits.
 */
export const defineProjectQuotaAt = (
  path: string,
  definition: Omit<Parameters<typeof defineProjectQuota>[0], 'list' | 'reset'>,
): ResourceTypeFactory =>
  defineProjectQuota({
    ...definition,
    async list({ api, project }) {
      const quotaPath = `${path}/${encodeURIComponent(project)}`;
      const [ownAnswer, defaultAnswer] = await Promise.all([
        api.request('GET', quotaPath),
        api.request('GET', `${quotaPath}/defaults`),
      ]);
      const limits = quotaSetBody.parse(ownAnswer.json).quota_set;
      const defaults = quotaSetBody.parse(defaultAnswer.json).quota_set;
      return limitsRows(limits.id, differingLimits(limits, defaults));
    },
    async reset(row, { api }) {
      await api.request('DELETE', `${path}/${encodeURIComponent(row.project)}`);
      return undefined;
    },
  });

/** Defines the limits of a user as a resource type, like {@link defineQuota} for a project. */
export function defineUserQuota<Row>(
  definition: QuotaDefinition<Row, UserContext>,
): ResourceTypeFactory<UserContext> {
  const { reset, ...typeDefinition } = definition;
  return defineUserType<Row>({
    name: 'quota',
    ...typeDefinition,
    remove: removeByReset(definition),
  });
}

/** Returns a `remove` that resets the limits, and lists them again to see the result. */
const removeByReset =
  <Row, Context extends { readonly api: { readonly service: string } }>(
    quota: Pick<QuotaDefinition<Row, Context>, 'reset' | 'list' | 'id' | 'label'>,
  ) =>
  async (row: Row, context: Context): Promise<Removal> => {
    const removal = await quota.reset(row, context);
    if (removal) return removal;
    const remainingRow = await findRowAgain(quota, row, context);
    if (!remainingRow) return { kind: 'gone' };
    const { service } = context.api;
    return {
      kind: 'retained',
      message:
        `${service} accepted the reset of the limits but still lists them: ` +
        `${quota.label?.(remainingRow) ?? 'limits'}`,
      advice:
        `No action is necessary: these limits do no harm. If ${service} takes its limits from ` +
        'Keystone (unified limits), this command lists them: openstack limit list ' +
        `--service ${service} --project PROJECT_ID`,
    };
  };

/**
 * Lists the limits again, and returns the row with the same id. If this listing fails, the reset
 * counts as done, and the next iteration lists the limits again.
 */
async function findRowAgain<Row, Context>(
  quota: Pick<QuotaDefinition<Row, Context>, 'list' | 'id'>,
  row: Row,
  context: Context,
): Promise<Row | undefined> {
  try {
    const listing = await quota.list(context);
    const rows = 'rows' in listing ? listing.rows : listing;
    return rows.find((one) => quota.id(one) === quota.id(row));
  } catch {
    return undefined;
  }
}

/**
 * Returns the names of the limits that differ from the defaults. Ignores a limit that only one of
 * the two records contains.
 */
export const differingLimits = (
  ownLimits: Readonly<Record<string, unknown>>,
  defaultLimits: Readonly<Record<string, unknown>>,
): string[] =>
  Object.keys(defaultLimits).filter(
    (name) => ownLimits[name] !== undefined && ownLimits[name] !== defaultLimits[name],
  );

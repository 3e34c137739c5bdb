import * as z from 'zod';
import type { ProjectContext, ServiceApi } from '../../task/service.ts';
import type { QuotaLimits, QuotaWithDefaults } from '../kit/provision-quota.ts';
import { defineQuota, type LimitsRow } from '../kit/quota.ts';

/** A limit of a project. Null means that the default applies. */
const optionalLimit = z.number().nullish();
const limitFields = {
  loadbalancer: optionalLimit,
  listener: optionalLimit,
  member: optionalLimit,
  pool: optionalLimit,
  healthmonitor: optionalLimit,
  l7policy: optionalLimit,
  l7rule: optionalLimit,
};
const quotaRow = z.object({ project_id: z.string().nullish(), ...limitFields });
const quotaListBody = z.object({ quotas: z.array(quotaRow) });
type LimitName = keyof typeof limitFields;
/** Octavia 11 (Zed) shows the defaults of two limits only under their older names. */
const quotaDefaults = z.object({
  quota: z.object({ ...limitFields, load_balancer: optionalLimit, health_monitor: optionalLimit }),
});
type OptionalLimits = Partial<Record<LimitName, number | null | undefined>>;

const LIMIT_NAMES = Object.keys(limitFields) as LimitName[];
const QUOTAS_PATH = '/v2.0/lbaas/quotas';

/**
 * Limits that were set for the project. The listing filters by project and creates no row. Octavia
 * 19 writes the defaults into the project's row with each GET and DELETE of one quota, so only
 * values that differ from the defaults count. The row also contains the usage, and no call removes
 * the row. The quota is reset after the load balancers are gone, because the default limits permit
 * new load balancers.
 */
export const quota = defineQuota({
  dependsOn: [{ types: ['load-balancer'], strength: 'required', until: 'empty' }],
  async list(context): Promise<LimitsRow[]> {
    // Rows of other projects and rows without an owner are kept, so that the owner check reports
    // them. The defaults are requested only if a row has a limit.
    const rowsWithLimits = (await quotaRowsOf(context)).filter(
      (row) => namesOfDifferingLimits(row, {}).length > 0,
    );
    if (rowsWithLimits.length === 0) return [];
    const defaults = await defaultLimitsOf(context.project, context.api);
    return rowsWithLimits
      .map((row) => ({
        project: row.project_id ?? '',
        limits: namesOfDifferingLimits(row, defaults).join(', '),
      }))
      .filter((row) => row.limits !== '');
  },
  id: (row) => row.project,
  owner: (row) => row.project || undefined,
  label: (row) => row.limits,
  async reset(row, { api }) {
    await api.request('DELETE', pathOf(row.project));
    return undefined;
  },
});

/** Returns the limits that were set for the project, and the defaults. Creates no row. */
export async function readQuota(context: ProjectContext): Promise<QuotaWithDefaults> {
  const [rows, defaults] = await Promise.all([
    quotaRowsOf(context),
    defaultLimitsOf(context.project, context.api),
  ]);
  return {
    limits: rows.find(({ project_id }) => project_id === context.project) ?? {},
    defaults,
  };
}

/** Sets only these limits. */
export async function writeQuota(
  newLimits: QuotaLimits,
  { api, project }: ProjectContext,
): Promise<void> {
  await api.request('PUT', pathOf(project), { json: { quota: newLimits } });
}

const pathOf = (project: string): string => `${QUOTAS_PATH}/${encodeURIComponent(project)}`;

/**
 * Returns the quota rows that Octavia lists for the project, normally one or none. The first
 * answer's link to a next page is ignored, because Octavia adds a link after every row if
 * [api_settings] pagination_max_limit is negative. A row of another project means that Octavia
 * ignored the filter. The function then lists the rows of all projects, and throws if the list is
 * not complete.
 */
async function quotaRowsOf({ api, project }: ProjectContext): Promise<z.infer<typeof quotaRow>[]> {
  const query = { project_id: project };
  const { quotas } = quotaListBody.parse((await api.request('GET', QUOTAS_PATH, { query })).json);
  if (quotas.every(({ project_id }) => project_id === project)) return quotas;
  const options = { collection: 'quotas', row: quotaRow, paging: 'none', query } as const;
  return (await api.list(QUOTAS_PATH, options)).rows;
}

async function defaultLimitsOf(project: string, api: ServiceApi): Promise<OptionalLimits> {
  const answer = await api.request('GET', `${pathOf(project)}/default`);
  const { load_balancer, health_monitor, ...defaults } = quotaDefaults.parse(answer.json).quota;
  return {
    ...defaults,
    loadbalancer: defaults.loadbalancer ?? load_balancer,
    healthmonitor: defaults.healthmonitor ?? health_monitor,
  };
}

/** Returns the names of the limits that have a value, and whose value is not the default. */
const namesOfDifferingLimits = (row: OptionalLimits, defaults: OptionalLimits): LimitName[] =>
  LIMIT_NAMES.filter((name) => typeof row[name] === 'number' && row[name] !== defaults[name]);

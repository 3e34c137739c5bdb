import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { provisionQuota, quotaWish } from '../kit/provision-quota.ts';

const wish = z.strictObject({
  quota: quotaWish([
    'loadbalancer',
    'listener',
    'pool',
    'member',
    'healthmonitor',
    'l7policy',
    'l7rule',
  ]).optional(),
});
type Wish = z.infer<typeof wish>;

const limits = z.record(z.string(), z.unknown());
const row = z.looseObject({ project_id: z.string().nullish() });

/** Before API version 2.12 two limits have another name in the answers. */
const named = (shown: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  ...shown,
  loadbalancer: shown.loadbalancer ?? shown.load_balancer,
  healthmonitor: shown.healthmonitor ?? shown.health_monitor,
});

/** The listing of all quotas creates no row, in contrast to the call for one project (2026.2). */
const quota = provisionQuota<Wish>({
  wish: (section) => section.quota,
  async read({ api, project }) {
    const path = '/v2/lbaas/quotas';
    const [listed, defaults] = await Promise.all([
      api.list(path, {
        collection: 'quotas',
        row,
        paging: 'none',
        query: { project_id: project },
      }),
      api.request('GET', `${path}/${encodeURIComponent(project)}/default`),
    ]);
    const own = listed.rows.find(({ project_id }) => project_id === project) ?? {};
    const { quota: shown } = z.object({ quota: limits }).parse(defaults.json);
    return { limits: named(own), defaults: named(shown) };
  },
  async write(wanted, { api, project }) {
    const path = `/v2/lbaas/quotas/${encodeURIComponent(project)}`;
    await api.request('PUT', path, { json: { quota: wanted } });
  },
});

/** What a profile may ask of Octavia. */
export const provision = defineProvision<Wish>({
  wish,
  summary: ['Limits of the project (`quota`).'],
  parts: [quota],
});

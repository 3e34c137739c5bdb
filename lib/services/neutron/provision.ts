import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { provisionQuota, quotaWish } from '../kit/provision-quota.ts';
import { escaped } from './collection.ts';

const wish = z.strictObject({
  quota: quotaWish([
    'network',
    'subnet',
    'subnetpool',
    'port',
    'router',
    'floatingip',
    'security_group',
    'security_group_rule',
    'rbac_policy',
    'trunk',
  ]).optional(),
});
type Wish = z.infer<typeof wish>;

const shown = z.object({ quota: z.record(z.string(), z.unknown()) });

/** Neutron creates the row of the project with the first limit, and its listing creates none. */
const quota = provisionQuota<Wish>({
  wish: (section) => section.quota,
  async read({ api, project }) {
    const path = `/v2.0/quotas/${escaped(project)}`;
    const [own, defaults] = await Promise.all([
      api.request('GET', path),
      api.request('GET', `${path}/default`),
    ]);
    return { limits: shown.parse(own.json).quota, defaults: shown.parse(defaults.json).quota };
  },
  async write(limits, { api, project }) {
    await api.request('PUT', `/v2.0/quotas/${escaped(project)}`, { json: { quota: limits } });
  },
});

/** What a profile may ask of Neutron. */
export const provision = defineProvision<Wish>({
  wish,
  summary: ['Limits of the project (`quota`).'],
  parts: [quota],
});

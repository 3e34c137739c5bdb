import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { defineQuotaProvision, limitsSchema } from '../kit/provision-quota.ts';

const schema = z.strictObject({ quota: limitsSchema(['clusters']).optional() });
type Section = z.infer<typeof schema>;

const quotaRow = z.object({ id: z.number().nullish(), hard_limit: z.number() });
const QUOTA_RESOURCE = 'Cluster';
const pathOf = (project: string): string =>
  `/quotas/${encodeURIComponent(project)}/${QUOTA_RESOURCE}`;

/**
 * Provisions the limit of clusters. If the project has no limit, Magnum shows the default, which
 * has no id. Before Ussuri, Magnum then answers 404.
 */
const quota = defineQuotaProvision<Section>({
  limitsIn: (section) => section.quota,
  async read({ api, project }) {
    const answer = await api.request('GET', pathOf(project), { accept: [404] });
    if (answer.status === 404) return { limits: {}, defaults: {} };
    const { id, hard_limit: clusterLimit } = quotaRow.parse(answer.json);
    const isDefault = id === undefined || id === null;
    return {
      limits: { clusters: clusterLimit },
      defaults: isDefault ? { clusters: clusterLimit } : {},
    };
  },
  async write(limits, { api, project }) {
    const json = { project_id: project, resource: QUOTA_RESOURCE, hard_limit: limits.clusters };
    // A 409 means that the project already has a limit. The PATCH changes that limit.
    const createAnswer = await api.request('POST', '/quotas', { json, accept: [409] });
    if (createAnswer.status !== 409) return;
    await api.request('PATCH', pathOf(project), { json });
  },
});

/** The section of Magnum in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: ['The limit of clusters (`quota`).'],
  parts: [quota],
});

import * as z from 'zod';
import { defineProvision, type ProvisionContext } from '../../task/service.ts';
import { withAdviceOn403 } from '../kit/errors.ts';
import { defineQuotaProvision, limitsSchema } from '../kit/provision-quota.ts';

const schema = z.strictObject({
  quota: limitsSchema(['secrets', 'orders', 'containers', 'consumers', 'cas']).optional(),
});
type Section = z.infer<typeof schema>;

const quotaBody = z.object({ project_quotas: z.record(z.string(), z.unknown()) });
const pathOf = (project: string): string => `/v1/project-quotas/${encodeURIComponent(project)}`;

/** Reads the limits. A 404 means that no limits were set for the project. */
async function readLimits({ api, project }: ProvisionContext): Promise<Record<string, unknown>> {
  const answer = await withRoleAdvice(api.request('GET', pathOf(project), { accept: [404] }));
  return answer.status === 404 ? {} : quotaBody.parse(answer.json).project_quotas;
}

const withRoleAdvice = <T>(call: Promise<T>): Promise<T> =>
  withAdviceOn403(
    call,
    'Give the propagator the role key-manager:service-admin on its own project.',
  );

/** Limits. A PUT replaces all limits, so it also contains the unchanged limits. */
const quota = defineQuotaProvision<Section>({
  limitsIn: (section) => section.quota,
  read: async (context) => ({ limits: await readLimits(context), defaults: {} }),
  async write(limits, context) {
    const json = { project_quotas: { ...(await readLimits(context)), ...limits } };
    await withRoleAdvice(context.api.request('PUT', pathOf(context.project), { json }));
  },
});

/** The section of Barbican in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: [
    'Limits of the project (`quota`). The propagator needs the role key-manager:service-admin.',
  ],
  parts: [quota],
});

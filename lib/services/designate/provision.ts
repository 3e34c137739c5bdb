import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { defineQuotaProvision, limitsSchema } from '../kit/provision-quota.ts';
import { projectHeader } from './project.ts';
import { zone } from './provision-zone.ts';
import { pathOfQuota, readQuota } from './quota.ts';

const schema = z.strictObject({
  quota: limitsSchema([
    'zones',
    'zone_recordsets',
    'zone_records',
    'recordset_records',
    'api_export_size',
  ]).optional(),
  zone: z
    .strictObject({
      /** `{name}` and `{id}` are replaced by the name and the id of the project. */
      name: z
        .string()
        .regex(/^([a-z0-9_{}-]+\.)+$/i, 'write a name with a dot at the end: {name}.example.org.'),
      email: z.email({ error: 'write a mail address' }),
    })
    .optional(),
});
type Section = z.infer<typeof schema>;

const quota = defineQuotaProvision<Section>({
  limitsIn: (section) => section.quota,
  read: readQuota,
  async write(json, { api, project }) {
    await api.request('PATCH', pathOfQuota(project), { json, headers: projectHeader(project) });
  },
});

/** The section of Designate in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: [
    'Limits of the project (`quota`).',
    'A zone (`zone`). If another project owns the parent zone, the propagator creates the zone ' +
      'in that other project, and then transfers it to the new project.',
  ],
  parts: [quota, zone],
});

import * as z from 'zod';
import { defineService, defineType, type Removal } from '../task/service.ts';

const requestRow = z.object({
  uuid: z.string(),
  project_id: z.string().nullish(),
  device_profile_name: z.string().nullish(),
  instance_uuid: z.string().nullish(),
});

/**
 * Accelerator requests (ARQs) of deleted servers. Nova creates a request for each device of a
 * server and normally removes it with the server. Cyborg lists the requests of the whole cloud.
 * Before 15.0.1 and 16.0.1, a request that is not bound to a server has no owner (null). The
 * listing omits such a request.
 */
const acceleratorRequest = defineType({
  name: 'accelerator-request',
  blockers: [
    'Since 15.0.1 (2025.2) and 16.0.1 (2026.1), only Nova may delete a request that ' +
      'is bound to a server (403).',
  ],
  async list({ api, project }) {
    const { rows } = await api.list('/v2/accelerator_requests', {
      collection: 'arqs',
      row: requestRow,
      paging: 'none',
    });
    return rows.filter((row) => row.project_id === project || row.project_id === undefined);
  },
  id: (row) => row.uuid,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.device_profile_name ?? undefined,
  async remove(row, { api }): Promise<Removal> {
    const answer = await api.request('DELETE', '/v2/accelerator_requests', {
      query: { arqs: row.uuid },
      accept: [403],
    });
    if (answer.status !== 403) return { kind: 'gone' };
    return {
      kind: 'blocked',
      message:
        'Cyborg lets only Nova delete a request that is bound to a server ' +
        `(${row.instance_uuid ?? 'unknown'}), and that server is deleted`,
      actor: 'operator',
      advice:
        'Delete its row from the table extended_accelerator_requests in the Cyborg ' +
        'database. Then check that its device is free.',
    };
  },
});

/**
 * Cyborg, API v2. Its cleanup runs after Nova's, because a request reserves the device of a running
 * server. Device profiles belong to the administrators.
 */
export const cyborg = defineService({
  name: 'cyborg',
  catalogTypes: ['accelerator'],
  dependsOn: [{ services: ['nova'], strength: 'required', until: 'done' }],
  resourceTypes: [acceleratorRequest],
  leftBySuspend: [
    {
      types: ['accelerator-request'],
      because: 'It belongs to a server, which is stopped.',
    },
  ],
});

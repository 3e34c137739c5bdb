import * as z from 'zod';
import { defineUserReport } from '../../task/service.ts';
import { keypairsOf } from './user.ts';

const keypair = defineUserReport<Awaited<ReturnType<typeof keypairsOf>>[number]>({
  name: 'keypair',
  because:
    'Nova cannot disable a keypair, and the public key is inside the servers that were started ' +
    'with the keypair.',
  list: keypairsOf,
  id: ({ name }) => name,
  owner: (row) => row.user_id ?? undefined,
  project: () => undefined,
  message: () =>
    'the key of this keypair still gives access to servers that were started with the keypair: ' +
    'OpenStack cannot remove the key from these servers',
  advice:
    'If the user must not reach these servers: remove the key inside them, or close port 22 in ' +
    'their security groups.',
});

const serverRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  user_id: z.string().nullish(),
  tenant_id: z.string().nullish(),
  status: z.string(),
});

/** Running servers of the user. */
const server = defineUserReport<z.infer<typeof serverRow>>({
  name: 'server-of-user',
  because: 'A server belongs to its project, whose other members use it.',
  async list({ api, user }) {
    const { rows } = await api.list('/servers/detail', {
      collection: 'servers',
      row: serverRow,
      paging: 'marker',
      query: { all_tenants: 1, user_id: user },
    });
    return rows.filter(({ status }) => status === 'ACTIVE');
  },
  id: ({ id }) => id,
  owner: (row) => row.user_id ?? undefined,
  label: (row) => row.name ?? undefined,
  project: (row) => row.tenant_id ?? undefined,
  message: () => 'servers that the user created keep running, because they belong to the project',
  advice:
    'If the servers must not run, ask a member of the project, or stop them (openstack server ' +
    'stop).',
});

/** The resources in Nova that a suspension of a user reports. */
export const userReports = [keypair, server];

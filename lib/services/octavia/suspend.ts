import * as z from 'zod';
import { type Comparison, defineSuspension, type ProjectContext } from '../../task/service.ts';

const optionalText = z.string().nullish();
const balancerRow = z.object({
  id: z.string(),
  project_id: optionalText,
  admin_state_up: z.boolean(),
  provisioning_status: z.string(),
});
const parentRefs = z.array(z.object({ id: z.string() })).nullish();
const listenerRow = z.object({
  loadbalancers: parentRefs,
  default_tls_container_ref: optionalText,
  client_ca_tls_container_ref: optionalText,
  sni_container_refs: z.array(z.string()).nullish(),
});
const poolRow = z.object({
  loadbalancers: parentRefs,
  tls_container_ref: optionalText,
  ca_tls_container_ref: optionalText,
});
type BalancerRow = z.infer<typeof balancerRow> & { readonly hasCertificate: boolean };

/** Lists the load balancers. `hasCertificate`: a listener or a pool refers to a certificate. */
async function listBalancers({ api, project }: ProjectContext): Promise<BalancerRow[]> {
  const list = async <Row extends z.ZodType>(name: string, row: Row) =>
    (
      await api.list(`/v2.0/lbaas/${name}`, {
        collection: name,
        row,
        paging: 'marker',
        query: { limit: undefined, project_id: project },
      })
    ).rows;
  const rows = await list('loadbalancers', balancerRow);
  if (rows.length === 0) return [];
  const [listeners, pools] = await Promise.all([
    list('listeners', listenerRow),
    list('pools', poolRow),
  ]);
  const partsWithCertificate = [
    ...listeners.filter(
      (one) =>
        one.default_tls_container_ref ||
        one.client_ca_tls_container_ref ||
        (one.sni_container_refs ?? []).length > 0,
    ),
    ...pools.filter((one) => one.tls_container_ref || one.ca_tls_container_ref),
  ];
  const idsWithCertificate = new Set(
    partsWithCertificate.flatMap((part) => (part.loadbalancers ?? []).map(({ id }) => id)),
  );
  return rows.map((row) => ({ ...row, hasCertificate: idsWithCertificate.has(row.id) }));
}

const pendingMessage = (status: string): string =>
  `Octavia is processing a load balancer (${status})`;

function compare(row: BalancerRow): Comparison {
  const status = row.provisioning_status;
  if (status.startsWith('PENDING')) return { kind: 'changing', message: pendingMessage(status) };
  if (status !== 'ACTIVE')
    return { kind: 'changed', message: `its provisioning status is ${status}` };
  return row.admin_state_up ? { kind: 'as-recorded' } : { kind: 'suspended' };
}

const setAdminState = (row: BalancerRow, admin_state_up: boolean, { api }: ProjectContext) =>
  api.request('PUT', `/v2.0/lbaas/loadbalancers/${encodeURIComponent(row.id)}`, {
    json: { loadbalancer: { admin_state_up } },
  });

/**
 * Sets load balancers administratively down. With every update, Octavia configures all listeners
 * again, and drops a listener whose certificate it cannot read. A load balancer with certificates
 * therefore stays up.
 */
export const loadBalancerSuspension = defineSuspension<BalancerRow, object>({
  name: 'load-balancer',
  options: ['down'],
  summary: {
    suspend:
      'Load balancers that are up are set administratively down: they keep their address and ' +
      'answer no requests.',
    record: 'The id.',
    resume: 'The load balancer is set administratively up again.',
    unchanged: [
      'A load balancer with certificates stays up: with each update Octavia reads the ' +
        'certificates again, and drops a listener whose certificate it cannot read.',
      'A load balancer in provisioning status ERROR is reported: Octavia refuses every ' +
        'update to it.',
    ],
  },
  // The state needs no fields, because suspend changes only load balancers that are up.
  recordedState: z.object({}),
  list: listBalancers,
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  assess(row) {
    const status = row.provisioning_status;
    if (!row.admin_state_up) return { kind: 'at-rest' };
    if (status.startsWith('PENDING')) return { kind: 'wait', message: pendingMessage(status) };
    if (status !== 'ACTIVE')
      return {
        kind: 'report-only',
        message:
          `a load balancer is in provisioning status ${status}, in which Octavia refuses every ` +
          'update',
        advice:
          'Repair the load balancer (openstack loadbalancer failover), then run the operation ' +
          'again.',
      };
    if (row.hasCertificate)
      return {
        kind: 'report-only',
        message:
          'a load balancer with certificates stays up: with an update, Octavia would drop each ' +
          'listener whose certificate it cannot read',
        advice:
          'If the load balancer must not answer requests, set it down: openstack loadbalancer ' +
          'set --disable ID.',
      };
    return { kind: 'suspend', recordedState: {} };
  },
  suspend: async (row, _recordedState, context) => void (await setAdminState(row, false, context)),
  compare,
  resume: async (row, _recordedState, context) => void (await setAdminState(row, true, context)),
});

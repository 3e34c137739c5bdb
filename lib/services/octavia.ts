import * as z from 'zod';
import {
  type Blocker,
  defineService,
  defineType,
  type ProjectContext,
  type Removal,
} from '../task/service.ts';
import { hasStatus } from './kit/errors.ts';
import { epochMillisOf } from './kit/time.ts';
import { provision } from './octavia/provision.ts';
import { quota } from './octavia/quota.ts';
import { loadBalancerSuspension } from './octavia/suspend.ts';
import { quotaSuspension } from './octavia/suspend-quota.ts';

const optionalText = z.string().nullish();
const loadBalancerRow = z.object({
  id: z.string(),
  name: optionalText,
  project_id: optionalText,
  provisioning_status: z.string(),
  created_at: optionalText,
  updated_at: optionalText,
});
type LoadBalancerRow = z.infer<typeof loadBalancerRow>;

/** Octavia's `DELETABLE_STATUSES`. In any other state, Octavia answers 409 to a deletion. */
const DELETABLE_STATES = ['ACTIVE', 'ERROR'];
/**
 * A pending state that lasts longer than this counts as stuck. Octavia's own retries end in ERROR
 * after 15 minutes.
 */
const STUCK_AFTER_MILLIS = 20 * 60_000;
/** A change to ERROR that is more recent than this may be the result of a failed deletion. */
const RECENT_ERROR_MILLIS = 60 * 60_000;
const changedAt = (row: LoadBalancerRow): number => epochMillisOf(row.updated_at ?? row.created_at);
/** True if the pending state of a load balancer is stuck. Call it only for a pending state. */
const isStuckIfPending = (row: LoadBalancerRow, { now }: ProjectContext): boolean =>
  now() - changedAt(row) > STUCK_AFTER_MILLIS;

/**
 * Returns a blocker for a load balancer in a pending state. For a stuck state, the blocker asks the
 * operator to act: no API call ends the state if the worker of the load balancer has died.
 */
function busyBlocker(row: LoadBalancerRow, context: ProjectContext): Blocker {
  const status = row.provisioning_status;
  if (!isStuckIfPending(row, context))
    return { message: `Octavia is processing the load balancer (${status})`, actor: 'none' };
  return {
    message:
      `the load balancer has been in ${status} since ` +
      `${new Date(changedAt(row)).toISOString()}, and Octavia refuses every change to ` +
      'it',
    actor: 'operator',
    advice:
      'Search the log of octavia-worker for the id of the load balancer. If no worker ' +
      'processes it, set its provisioning_status to ERROR in the Octavia database (no API ' +
      'call does this). The propagator then deletes the load balancer.',
  };
}

/**
 * Load balancers with their listeners, pools, members, monitors, L7 policies, amphorae and VIP
 * ports.
 */
const loadBalancer = defineType({
  name: 'load-balancer',
  blockers: [
    'Octavia deletes a load balancer only in ACTIVE or ERROR. In PENDING_CREATE, ' +
      'PENDING_UPDATE or PENDING_DELETE it refuses the deletion, and no API ends a state ' +
      'that is stuck.',
    'Octavia refuses the deletion if the provider driver is no longer enabled, or if the ' +
      'driver cannot delete a load balancer with all its parts.',
  ],
  async list({ api, project }) {
    // Octavia answers 500 to any limit if [api_settings] pagination_max_limit is negative.
    const query = { limit: undefined, project_id: project };
    const path = '/v2.0/lbaas/loadbalancers';
    return (
      await api.list(path, {
        collection: 'loadbalancers',
        row: loadBalancerRow,
        paging: 'marker',
        query,
      })
    ).rows;
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name || undefined,
  createdAt: (row) => epochMillisOf(row.created_at),
  blocked: (row, context) =>
    DELETABLE_STATES.includes(row.provisioning_status) ||
    row.provisioning_status === 'PENDING_DELETE'
      ? undefined
      : busyBlocker(row, context),
  async remove(row, context): Promise<Removal> {
    if (row.provisioning_status === 'PENDING_DELETE')
      return isStuckIfPending(row, context)
        ? { kind: 'accepted', stuckSince: changedAt(row) }
        : { kind: 'accepted' };
    try {
      await context.api.request(
        'DELETE',
        `/v2.0/lbaas/loadbalancers/${encodeURIComponent(row.id)}`,
        { query: { cascade: true } },
      );
    } catch (error) {
      // A retry would not help: the provider driver is not enabled (400) or does not support a
      // deletion with cascade (501).
      if (!hasStatus(error, 400, 501)) throw error;
      const advice =
        'Enable its provider again in [api_settings] enabled_provider_drivers, or first ' +
        'delete its listeners, pools and other parts separately.';
      return { kind: 'blocked', message: error.message, actor: 'operator', advice };
    }
    if (row.provisioning_status !== 'ERROR' || context.now() - changedAt(row) > RECENT_ERROR_MILLIS)
      return { kind: 'accepted' };
    return {
      kind: 'blocked',
      message:
        'the load balancer changed to ERROR less than an hour ago, possibly because its ' +
        'deletion failed; the propagator requested the deletion again',
      actor: 'operator',
      advice:
        'If the load balancer changes to ERROR again, search the log of octavia-worker for its ' +
        'id: Nova, Neutron or an amphora refuses an operation.',
    };
  },
});

/**
 * Octavia, Load Balancer API v2. Octavia does not ask Keystone whether a project exists. Flavors,
 * availability zones and amphorae belong to the operator. Octavia's cleanup runs before Neutron's,
 * because Octavia needs the VIP port in the project to remove the load balancer. While the ports of
 * amphorae exist, they also block the deletion of subnets.
 */
export const octavia = defineService({
  name: 'octavia',
  catalogTypes: ['load-balancer'],
  dependents: [{ services: ['neutron', 'barbican'], strength: 'preferred', until: 'done' }],
  releases: [
    'In 2026.2 (but not in Zed), each GET and each DELETE of a quota writes the default limits ' +
      'into the row of the project. The propagator therefore ignores limits that equal the ' +
      'defaults.',
    'Before 2025.1 with enforce_new_defaults, only the role "load-balancer_admin" ' +
      'or system scope can list other projects. By default the role admin suffices.',
  ],
  resourceTypes: [loadBalancer, quota],
  suspension: { suspendAfter: ['aodh'], types: [loadBalancerSuspension, quotaSuspension] },
  provision,
});

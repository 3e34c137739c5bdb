import * as z from 'zod';
import {
  type Blocker,
  defineService,
  defineType,
  type ProjectContext,
  type Removal,
  type ServiceApi,
} from '../task/service.ts';
import { hasStatus } from './kit/errors.ts';
import { defineQuota } from './kit/quota.ts';
import { epochOf } from './kit/time.ts';
import { provision } from './octavia/provision.ts';
import { loadBalancerSuspension } from './octavia/suspend.ts';
import { quotaSuspension } from './octavia/suspend-quota.ts';

const text = z.string().nullish();
const loadBalancerRow = z.object({
  id: z.string(),
  name: text,
  project_id: text,
  provisioning_status: z.string(),
  created_at: text,
  updated_at: text,
});
type LoadBalancerRow = z.infer<typeof loadBalancerRow>;

/** `DELETABLE_STATUSES` of Octavia. In any other state it answers 409. */
const DELETABLE_STATES = ['ACTIVE', 'ERROR'];
/**
 * An amphora that never answers keeps its load balancer in PENDING_CREATE for 15 minutes (Octavia's
 * own retries). Then the load balancer changes to ERROR.
 */
const STUCK_AFTER_MILLIS = 20 * 60_000;
/** A load balancer that changed to ERROR within this time may have failed during its removal. */
const RECENT_ERROR_MILLIS = 60 * 60_000;
const changedAt = (row: LoadBalancerRow): number => epochOf(row.updated_at ?? row.created_at);
const isStuck = (row: LoadBalancerRow, { now }: ProjectContext): boolean =>
  now() - changedAt(row) > STUCK_AFTER_MILLIS;

/** A worker is processing it, or died while doing so: no API call ends this state. */
function busyBlocker(row: LoadBalancerRow, context: ProjectContext): Blocker {
  const status = row.provisioning_status;
  if (!isStuck(row, context))
    return { message: `Octavia is processing the load balancer (${status})`, actor: 'none' };
  return {
    message:
      `the load balancer has been in ${status} since ` +
      `${new Date(changedAt(row)).toISOString()}, and Octavia refuses every change to ` +
      'it',
    actor: 'operator',
    advice:
      'Search the log of octavia-worker for its id. If no worker processes it any ' +
      'more, set its provisioning_status to ERROR in the Octavia database; no API ' +
      'can. The propagator then deletes it.',
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
      'PENDING_UPDATE or PENDING_DELETE it refuses, and no API ends a state that is ' +
      'stuck.',
    'The provider driver of the load balancer is no longer enabled, or it fails.',
  ],
  async list({ api, project }) {
    const query = { project_id: project };
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
  createdAt: (row) => epochOf(row.created_at),
  blocked: (row, context) =>
    DELETABLE_STATES.includes(row.provisioning_status) ||
    row.provisioning_status === 'PENDING_DELETE'
      ? undefined
      : busyBlocker(row, context),
  async remove(row, context): Promise<Removal> {
    if (row.provisioning_status === 'PENDING_DELETE')
      return isStuck(row, context)
        ? { kind: 'accepted', stuckSince: changedAt(row) }
        : { kind: 'accepted' };
    try {
      await context.api.request(
        'DELETE',
        `/v2.0/lbaas/loadbalancers/${encodeURIComponent(row.id)}`,
        { query: { cascade: true } },
      );
    } catch (error) {
      // 400: the provider is not enabled; 501: the provider does not support cascade. A retry helps
      // in neither case.
      if (!hasStatus(error, 400, 501)) throw error;
      const advice =
        'Enable its provider again in [api_settings] enabled_provider_drivers, or first ' +
        'delete its listeners, pools and other parts one by one.';
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
        'If it changes to ERROR again, search the log of octavia-worker for its id: ' +
        'Nova, Neutron or an amphora refuses an operation.',
    };
  },
});

/** Null means that no limit was set and the default applies. */
const limit = z.number().nullish();
const limits = {
  loadbalancer: limit,
  listener: limit,
  member: limit,
  pool: limit,
  healthmonitor: limit,
  l7policy: limit,
  l7rule: limit,
};
const quotaRow = z.object({ project_id: text, ...limits });
type LimitName = keyof typeof limits;
/** The defaults of Octavia 11 (Zed) have only the older names of two limits. */
const quotaDefaults = z.object({
  quota: z.object({ ...limits, load_balancer: limit, health_monitor: limit }),
});

interface QuotaRow {
  readonly project: string;
  readonly limits: string;
}

/**
 * Limits that were set for the project, from the listing, which takes a project and creates no row.
 * Octavia 19 writes the defaults into the row of a project at each GET and DELETE of its quota, so
 * that only values that differ from the defaults are the project's own. The row also holds the
 * usage and stays in the database forever. The quota is reset last because the project would
 * otherwise get the default limits.
 */
const quota = defineQuota({
  dependsOn: [{ types: ['load-balancer'], strength: 'required', until: 'empty' }],
  async list({ api, project }): Promise<QuotaRow[]> {
    const { rows } = await api.list('/v2.0/lbaas/quotas', {
      collection: 'quotas',
      row: quotaRow,
      paging: 'none',
      query: { project_id: project },
    });
    // The listing keeps foreign rows and rows without an owner: the owner check handles them.
    const limited = rows.filter((row) => limitsOf(row, {}).length > 0);
    const defaults = limited.length === 0 ? {} : await defaultsOf(project, api);
    return limited
      .map((row) => ({ project: row.project_id ?? '', limits: limitsOf(row, defaults).join(', ') }))
      .filter((row) => row.limits !== '');
  },
  id: (row) => row.project,
  owner: (row) => row.project || undefined,
  label: (row) => row.limits,
  async reset(row, { api }) {
    await api.request('DELETE', `/v2.0/lbaas/quotas/${encodeURIComponent(row.project)}`);
    return undefined;
  },
});

async function defaultsOf(project: string, api: ServiceApi): Promise<Limits> {
  const path = `/v2.0/lbaas/quotas/${encodeURIComponent(project)}/default`;
  const { quota: shown } = quotaDefaults.parse((await api.request('GET', path)).json);
  const { load_balancer, health_monitor, ...named } = shown;
  return {
    ...named,
    loadbalancer: named.loadbalancer ?? load_balancer,
    healthmonitor: named.healthmonitor ?? health_monitor,
  };
}

type Limits = Partial<Record<LimitName, number | null | undefined>>;

const LIMIT_NAMES = Object.keys(limits) as LimitName[];

/** The names of the limits that are set and differ from the defaults. */
const limitsOf = (row: Limits, defaults: Limits): LimitName[] =>
  LIMIT_NAMES.filter((name) => typeof row[name] === 'number' && row[name] !== defaults[name]);

/**
 * Octavia, Load Balancer API v2. None of its calls asks Keystone for the project. Flavors,
 * availability zones and amphorae belong to the operator.
 * Octavia runs before Neutron: the VIP port is in the project and looks removable, but without it
 * Octavia could not remove the load balancer cleanly. The ports of its amphorae also hold the
 * subnets.
 */
export const octavia = defineService({
  name: 'octavia',
  catalogTypes: ['load-balancer'],
  dependents: [{ services: ['neutron', 'barbican'], strength: 'preferred', until: 'done' }],
  releases: [
    '2026.2 (seen; not Zed): each GET and each DELETE of a quota writes the default ' +
      'limits into the row of the project. Limits that equal the defaults therefore ' +
      'do not count as limits of the project.',
    'Before 2025.1 with enforce_new_defaults, only the role "load-balancer_admin" ' +
      'or system scope can list other projects. By default the role admin suffices.',
  ],
  resourceTypes: [loadBalancer, quota],
  suspension: { after: ['aodh'], types: [loadBalancerSuspension, quotaSuspension] },
  provision,
});

import * as z from 'zod';
import {
  type Blocker,
  type CommonContext,
  defineService,
  defineType,
  defineUserType,
  type ProjectContext,
  type Removal,
} from '../task/service.ts';
import { hasStatus } from './kit/errors.ts';
import { epochMillisOf, hasElapsed } from './kit/time.ts';

const optionalText = z.string().nullish();
const leaseRow = z.object({
  id: z.string(),
  name: optionalText,
  project_id: optionalText,
  user_id: optionalText,
  status: optionalText,
  created_at: optionalText,
  updated_at: optionalText,
});
type LeaseRow = z.infer<typeof leaseRow>;

const MINUTE = 60_000;
/**
 * A deletion that takes longer than this counts as stuck. A normal deletion may take ten minutes,
 * because Blazar waits until the servers on the lease's hosts are gone.
 */
const STUCK_AFTER_MILLIS = 15 * MINUTE;
/** If a lease is busy for longer than this, the report asks the operator to act. */
const BUSY_LIMIT_MILLIS = 60 * MINUTE;
const changedAt = (row: LeaseRow): number => epochMillisOf(row.updated_at ?? row.created_at);

/**
 * Returns the leases of the whole cloud. Blazar returns them to an administrator in one answer, and
 * has no filter by project.
 */
async function leasesOfCloud({ api }: CommonContext): Promise<LeaseRow[]> {
  const { rows } = await api.list('/leases', {
    collection: 'leases',
    row: leaseRow,
    paging: 'none',
  });
  // To a user without the administrator role, Blazar silently lists only the project of the token.
  // If no row is of another project, the next request proves the role: Blazar answers 403 to a user
  // without the role.
  if (!rows.some((row) => row.project_id && row.project_id !== api.ownProject))
    await api.request('GET', '/os-hosts/0', { accept: [404, 500] });
  return rows;
}

const DELETION_ADVICE =
  'Remove the hosts from the aggregates that are named after the reservations of ' +
  'the lease (openstack aggregate remove host AGGREGATE HOST). Then delete the ' +
  'lease from the Blazar database.';

/**
 * Leases with their reservations. The deletion of an active lease ends the lease: Blazar deletes
 * the servers of the lease, frees its hosts and floating IPs, and then answers.
 */
const lease = defineType({
  name: 'lease',
  requiresLiveProject: {
    class: 'D',
    leftover: 'leases, with the hosts, flavors and floating IPs that they reserve',
    advice: DELETION_ADVICE,
  },
  blockers: [
    'Blazar ends a lease with a trust of the user that created it. That user must ' +
      'exist, be enabled, and have a role on the project.',
    'Blazar refuses to delete a lease that is starting, ending or being changed.',
    'A lease whose deletion was interrupted stays in DELETING. Blazar then refuses ' +
      'each later deletion of this lease.',
  ],
  // A row without an owner is kept, so that the owner check reports it.
  list: async (context) =>
    (await leasesOfCloud(context)).filter(
      (row) => row.project_id === context.project || !row.project_id,
    ),
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked(row, { now }): Blocker | undefined {
    if (!['CREATING', 'STARTING', 'UPDATING', 'TERMINATING'].includes(row.status ?? ''))
      return undefined;
    const message = `the lease is busy (${row.status})`;
    if (!hasElapsed(BUSY_LIMIT_MILLIS, changedAt(row), now())) return { message, actor: 'none' };
    return {
      message,
      actor: 'operator',
      advice:
        'Search the log of blazar-manager for the id of the lease. Blazar has no API ' +
        'call that resets the state of a lease.',
    };
  },
  async remove(row, context): Promise<Removal> {
    if (row.status === 'DELETING')
      return hasElapsed(STUCK_AFTER_MILLIS, changedAt(row), context.now())
        ? { kind: 'accepted', stuckSince: changedAt(row) }
        : { kind: 'accepted' };
    // Without a working trust, Blazar never completes the deletion. The user of the trust is
    // therefore checked first.
    const blocker = await unusableTrustBlocker(row, context);
    if (blocker) return { kind: 'blocked', ...blocker };
    try {
      await context.api.request('DELETE', `/leases/${encodeURIComponent(row.id)}`);
    } catch (error) {
      // blazar-manager reports every failure as a 500 without a reason. The first 500 may be
      // temporary, so it is thrown and the deletion is retried. For a lease in ERROR, an earlier
      // deletion has already failed.
      if (!hasStatus(error, 500) || row.status !== 'ERROR') throw error;
      return {
        kind: 'blocked',
        message:
          `${error.message}; the previous deletion failed as well, possibly because the ` +
          'trust of the lease no longer works',
        actor: 'operator',
        advice: `Search the log of blazar-manager for the id of the lease. ${DELETION_ADVICE}`,
      };
    }
    return { kind: 'gone' };
  },
});

const userBody = z.object({ user: z.object({ enabled: z.boolean().nullish() }) });

/**
 * Returns a blocker if the user of a lease's trust is deleted or disabled. A missing role of the
 * user on the project is not detected, because roles may come from groups or a federation.
 */
async function unusableTrustBlocker(
  { user_id }: LeaseRow,
  { memoize, apiOf }: ProjectContext,
): Promise<Blocker | undefined> {
  if (!user_id) return undefined;
  return memoize(`blazar/user ${user_id}`, async () => {
    const keystone = await apiOf('keystone');
    const answer = await keystone?.request('GET', `/v3/users/${encodeURIComponent(user_id)}`, {
      accept: [404],
    });
    if (!answer) return undefined;
    const messageFor = (state: string): string =>
      `the creator of the lease, user ${user_id}, is ${state}, and Blazar can end the lease ` +
      'only with a trust of that user';
    if (answer.status === 404)
      return {
        message: messageFor('deleted'),
        actor: 'operator',
        advice: DELETION_ADVICE,
      };
    if (userBody.parse(answer.json).user.enabled !== false) return undefined;
    return {
      message: messageFor('disabled'),
      actor: 'operator',
      advice: `Enable the user until the lease is deleted: openstack user set --enable ${user_id}`,
    };
  });
}

/**
 * Leases that a deleted user created. Blazar can no longer start or end these leases. A lease that
 * has ended (TERMINATED) no longer needs the user.
 */
const leaseOfUser = defineUserType({
  name: 'lease-of-user',
  list: async (context) =>
    (await leasesOfCloud(context)).filter(
      (row) => row.status !== 'TERMINATED' && (row.user_id === context.user || !row.user_id),
    ),
  id: (row) => row.id,
  owner: (row) => row.user_id ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: async (row): Promise<Removal> => ({
    kind: 'retained',
    message:
      `Blazar can no longer start or end this lease of project ${row.project_id}: it ` +
      'needs a trust of the deleted user',
    advice: `Ask another member of the project to create a new lease. ${DELETION_ADVICE}`,
  }),
});

/**
 * Blazar, Reservation API v1. Its cleanup runs before those of Nova and Neutron, because Blazar
 * deletes servers and frees floating IPs when a lease ends. Hosts and pools of floating IPs belong
 * to the cloud.
 */
export const blazar = defineService({
  name: 'blazar',
  catalogTypes: ['reservation'],
  dependents: [{ services: ['nova', 'neutron'], strength: 'preferred', until: 'done' }],
  resourceTypes: [lease],
  userResourceTypes: [leaseOfUser],
  leftBySuspend: [
    {
      types: ['lease'],
      because: 'Blazar cannot pause a lease. A lease ends at its end date.',
      warns: {
        message:
          'a lease continues while the project is suspended; at the end of the lease, Blazar ' +
          'deletes the servers of the lease, or fails because Keystone refuses the trust of the ' +
          'owner',
        advice:
          'If the project is to be resumed after the end of the lease, extend the lease ' +
          '(openstack reservation lease update --prolong-for).',
      },
    },
  ],
});

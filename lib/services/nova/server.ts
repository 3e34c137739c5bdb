import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import {
  defineType,
  HOLD_TAG,
  type ProjectContext,
  type Removal,
  type ServiceApi,
} from '../../task/service.ts';
import { epochOf } from '../kit/time.ts';

/** Parallel calls to Nova, unless the settings name another number. */
export const NOVA_CONCURRENCY = 8;
/**
 * After this time a deletion counts as stuck. Most deletions take seconds, but Nova does not repeat
 * a lost message to the compute host.
 */
const STUCK_AFTER_MILLIS = 5 * 60_000;
/** Deletions that are requested before the servers are listed again. */
const DELETE_BATCH_SIZE = 100;

const serverRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  tenant_id: z.string().nullish(),
  status: z.string(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  created: z.string().nullish(),
  updated: z.string().nullish(),
  'OS-EXT-STS:task_state': z.string().nullish(),
});
/** `unlisted` is the usage that Placement reports for a project of which Nova lists no servers. */
type ServerRow = z.infer<typeof serverRow> & { readonly unlisted?: string };

const pathOf = (row: ServerRow): string => `/servers/${encodeURIComponent(row.id)}`;
const isDeleting = (row: ServerRow): boolean =>
  ['deleting', 'soft-deleting'].includes(row['OS-EXT-STS:task_state'] ?? '');

/**
 * Lists the servers (GET /servers/detail) as an administrator. Without `all_tenants` Nova silently
 * lists the servers of the token's own project. Without `soft_deleted` Nova omits servers that wait
 * for `reclaim_instance_interval`.
 */
async function listServers({ api, project }: ProjectContext): Promise<ServerRow[]> {
  const query = { all_tenants: 1, project_id: project, soft_deleted: true };
  return (
    await api.list('/servers/detail', {
      collection: 'servers',
      row: serverRow,
      paging: 'marker',
      query,
    })
  ).rows;
}

const usages = z.object({ usages: z.record(z.string(), z.number()) });

/**
 * Returns the usage in Placement. If a cell is down, Nova silently omits its servers from a
 * filtered list ([api] list_records_by_skipping_down_cells), but Placement still has their
 * allocations. Allocations may also exist for a moment after a server is deleted.
 */
async function usageWithoutServers(context: ProjectContext): Promise<ServerRow[]> {
  const { project } = context;
  // Placement is only used to check Nova's list. If Placement can't be reached, the cleanup
  // continues.
  const placement = await context.apiOf('placement').catch((error: unknown) => {
    if (error instanceof PropagatorError && error.class === 'Blocked') return undefined;
    throw error;
  });
  if (!placement) return [];
  // Usages by project came with 1.9 (Ocata).
  const headers = { 'OpenStack-API-Version': 'placement 1.9' };
  const answer = await placement.request('GET', '/usages', {
    query: { project_id: project },
    headers,
  });
  const counted = Object.entries(usages.parse(answer.json).usages).filter(
    ([, amount]) => amount > 0,
  );
  if (counted.length === 0) return [];
  // The answer does not name the owner, which is the project in the request.
  const usage = counted.map(([name, amount]) => `${amount} ${name}`).join(', ');
  return [
    {
      id: `usages-of-${project}`,
      name: 'servers that Nova does not list',
      tenant_id: project,
      status: 'UNKNOWN',
      unlisted: usage,
    },
  ];
}

const actions = z.object({
  instanceActions: z.array(z.object({ action: z.string(), start_time: z.string() })),
});

/**
 * Returns the time of the first of the deletion requests at the end of the action list, in epoch
 * milliseconds.
 */
async function deletingSince(row: ServerRow, api: ServiceApi): Promise<number | undefined> {
  const answer = await api.request('GET', `${pathOf(row)}/os-instance-actions`);
  const newestFirst = actions
    .parse(answer.json)
    .instanceActions.map(({ action, start_time }) => ({ action, at: epochOf(start_time) }))
    .sort((a, b) => b.at - a.at);
  const lastOther = newestFirst.findIndex(
    ({ action }) => action !== 'delete' && action !== 'resetState',
  );
  const deletions = (lastOther < 0 ? newestFirst : newestFirst.slice(0, lastOther)).filter(
    ({ action }) => action === 'delete',
  );
  return deletions.at(-1)?.at;
}

async function acceptedRemoval(row: ServerRow, { api, now }: ProjectContext): Promise<Removal> {
  const since = await deletingSince(row, api);
  return since !== undefined && now() - since > STUCK_AFTER_MILLIS
    ? { kind: 'accepted', stuckSince: since }
    : { kind: 'accepted' };
}

/** True if {@link removeServer} only waits for the end of a deletion. */
const isWaiting = (row: ServerRow, { now }: ProjectContext): boolean =>
  row.status === 'DELETED' ||
  (isDeleting(row) && !(now() - epochOf(row.updated) > STUCK_AFTER_MILLIS));

async function removeServer(row: ServerRow, context: ProjectContext): Promise<Removal> {
  const { api } = context;
  const postAction = (json: object) => api.request('POST', `${pathOf(row)}/action`, { json });
  // Nova shows a server as deleted for a moment before it is gone.
  if (isWaiting(row, context)) return { kind: 'accepted' };
  if (row.status === 'SOFT_DELETED') {
    await postAction({ forceDelete: null });
    return { kind: 'accepted' };
  }
  if (isDeleting(row)) {
    const requestedAt = epochOf(row.updated);
    // While the host is up, Nova ignores both DELETE and forceDelete for a server in task state
    // "deleting" (seen on 26.2).
    await postAction({ 'os-resetState': { state: 'error' } });
    await api.request('DELETE', pathOf(row));
    return {
      kind: 'accepted',
      stuckSince: Math.min(requestedAt, (await deletingSince(row, api)) ?? requestedAt),
    };
  }
  // A lock does not stop an administrator.
  await api.request('DELETE', pathOf(row));
  return row.status === 'ERROR' ? acceptedRemoval(row, context) : { kind: 'accepted' };
}

const IGNORED_DELETION: Removal = {
  kind: 'blocked',
  message:
    'Nova accepted the deletion but did nothing: disable_terminate is set for the ' +
    'server in the database',
  actor: 'operator',
  advice:
    'Set disable_terminate to 0 for this server in the table "instances" of its ' +
    'cell database. No API can reset it.',
};

/**
 * Requests many deletions and then lists the servers once to see the result. Nova answers 204 even
 * for a server that it does not delete (`disable_terminate`, which no API shows). After the first
 * refusal no more deletions are requested. If all servers are already being deleted, no new listing
 * is needed.
 */
async function removeServers(
  rows: readonly ServerRow[],
  context: ProjectContext,
): Promise<(Removal | PropagatorError)[]> {
  if (rows.every((row) => isWaiting(row, context))) return rows.map(() => ({ kind: 'accepted' }));
  const answers = new Array<Removal | PropagatorError>(rows.length);
  let refusal: PropagatorError | undefined;
  const queue = rows.entries();
  const worker = async (): Promise<void> => {
    for (const [index, row] of queue) {
      try {
        answers[index] = refusal ?? (await removeServer(row, context));
      } catch (error) {
        if (!(error instanceof PropagatorError)) throw error;
        answers[index] = error;
        if (error.class === 'Denied') refusal = error;
      }
    }
  };
  await Promise.all(Array.from({ length: NOVA_CONCURRENCY }, worker));
  const after = new Map((await listServers(context)).map((row) => [row.id, row]));
  return rows.map((row, index) => {
    const answer = answers[index] ?? IGNORED_DELETION;
    const now = after.get(row.id);
    if (answer instanceof Error || answer.kind !== 'accepted') return answer;
    if (!now) return { kind: 'gone' };
    const isUntouched =
      !['SOFT_DELETED', 'DELETED'].includes(row.status) && !isDeleting(row) && !isDeleting(now);
    return isUntouched && now.status === row.status && now.updated === row.updated
      ? IGNORED_DELETION
      : answer;
  });
}

export const server = defineType<ServerRow>({
  name: 'server',
  async list(context) {
    const rows = await listServers(context);
    return rows.length > 0 ? rows : usageWithoutServers(context);
  },
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  label: (row) => row.name ?? undefined,
  createdAt: (row) => epochOf(row.created),
  isHeld: ({ metadata }) => HOLD_TAG in (metadata ?? {}),
  blocked: (row) =>
    row.unlisted === undefined
      ? undefined
      : {
          message:
            'Nova lists no servers of the project, but Placement still reports usage: ' +
            `${row.unlisted}`,
          actor: 'operator',
          advice:
            'If this lasts longer than some minutes, check whether a cell is down ' +
            '(nova-manage cell_v2 list_cells; openstack compute service list) or ' +
            'allocations are orphaned (nova-manage placement audit).',
        },
  remove: removeServer,
  batch: { most: DELETE_BATCH_SIZE, remove: removeServers },
});

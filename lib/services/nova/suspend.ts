import * as z from 'zod';
import { defineSuspension, type ProjectContext } from '../../task/service.ts';
import { requireAllCellsUp } from './cells.ts';
import {
  ACTIONS_BY_OPTION,
  assess,
  compare,
  hasTpm,
  isLockedBySuspend,
  LOCK_REASON,
  type RecordedServer,
  recordedServer,
  type ServerRow,
  serverRow,
  stateOf,
} from './server-state.ts';

const callAction = (row: ServerRow, json: object, { api }: Pick<ProjectContext, 'api'>) =>
  api.request('POST', `/servers/${encodeURIComponent(row.id)}/action`, { json });

const volumeBody = z.object({ volume: z.object({ encrypted: z.boolean().nullish() }) });

/**
 * True if a start of the server needs a token on its project. Nova fetches the key of an encrypted
 * volume or a vTPM from Barbican with the caller's token. Barbican refuses the token of another
 * project.
 */
async function needsProjectToken(row: ServerRow, { apiOf }: ProjectContext): Promise<boolean> {
  if (hasTpm(row)) return true;
  const cinder = await apiOf('cinder');
  for (const { id } of row['os-extended-volumes:volumes_attached'] ?? []) {
    const path = `/volumes/${encodeURIComponent(id)}`;
    const answer = await cinder?.request('GET', path, { accept: [404] });
    if (answer && answer.status !== 404 && volumeBody.parse(answer.json).volume.encrypted)
      return true;
  }
  return false;
}

/**
 * Calls the action that makes a suspended server run again. Uses a token on the server's project if
 * Nova needs one.
 */
async function startServer(row: ServerRow, action: string, context: ProjectContext): Promise<void> {
  const needsToken = action !== 'unpause' && (await needsProjectToken(row, context));
  const api = needsToken ? await context.apiWithProjectToken?.() : context.api;
  await callAction(row, { [action]: null }, { api: api ?? context.api });
}

/**
 * Locks servers, then stops them. The lock prevents the owner from starting a server with a cached
 * token. `os-stop` keeps the allocation, so a later start finds the capacity. `os-stop` gives the
 * guest time to shut down, and the guest loses its memory.
 */
export const serverSuspension = defineSuspension<ServerRow, RecordedServer>({
  name: 'server',
  options: ['stop', 'pause', 'shelve'],
  summary: {
    suspend:
      'Active servers are locked with a reason and stopped (or paused or shelved, as the ' +
      'policy file says). Paused and suspended servers are locked.',
    record:
      'The state of the server, its lock, and the option of the policy file (`stop`, `pause` or ' +
      '`shelve`).',
    resume:
      'The server is started (or unpaused or unshelved), then unlocked. A server with an ' +
      'encrypted volume or a vTPM is started with a token on the project.',
    unchanged: [
      'Suspend and resume do not change a server that was stopped or shelved before.',
      'A server that the owner or an administrator has locked keeps that lock: the server is ' +
        'stopped and not locked again.',
      'A server in rescue mode, in a resize that waits for confirmation, or in state error ' +
        'is not changed, and is reported.',
      'Option `shelve`: a server with an ephemeral disk or a vTPM keeps running, and is reported.',
    ],
  },
  recordedState: recordedServer,
  async list({ api, project }) {
    // The first check finds a cell that comes up during the listing, after Nova has omitted its
    // servers. The second check finds a cell that goes down during the listing.
    await requireAllCellsUp(api);
    const { rows } = await api.list('/servers/detail', {
      collection: 'servers',
      row: serverRow,
      paging: 'marker',
      query: { all_tenants: 1, project_id: project },
    });
    await requireAllCellsUp(api);
    return rows;
  },
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  assess: (row, _context, option) => assess(row, option),
  async suspend(row, { lock, stop, how }, context) {
    if (lock && !isLockedBySuspend(row))
      await callAction(row, { lock: { locked_reason: LOCK_REASON } }, context);
    if (stop && stateOf(row) === 'active')
      await callAction(row, { [ACTIONS_BY_OPTION[how].suspend]: null }, context);
  },
  compare,
  async resume(row, { lock, stop, vmState, how }, context) {
    // One call of `resume` requests one change. The lock marks the server as suspended, so the lock
    // is removed last.
    const actions = ACTIONS_BY_OPTION[how];
    if (stop && actions.suspendedStates.includes(stateOf(row)))
      await startServer(row, actions.resume, context);
    else if (lock && stateOf(row) === vmState) await callAction(row, { unlock: null }, context);
  },
});

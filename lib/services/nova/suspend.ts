import * as z from 'zod';
import { type Comparison, defineSuspension, type ProjectContext } from '../../task/service.ts';
import { requireAllCells } from './cells.ts';

const count = z.number().nullish();
const serverRow = z.object({
  id: z.string(),
  tenant_id: z.string().nullish(),
  'OS-EXT-STS:vm_state': z.string().nullish(),
  'OS-EXT-STS:task_state': z.string().nullish(),
  locked: z.boolean().nullish(),
  locked_reason: z.string().nullish(),
  'os-extended-volumes:volumes_attached': z.array(z.object({ id: z.string() })).nullish(),
  flavor: z
    .looseObject({ ephemeral: count, extra_specs: z.record(z.string(), z.unknown()).nullish() })
    .nullish(),
});
type ServerRow = z.infer<typeof serverRow>;

/** The change that suspend makes to a server. */
const before = z.object({
  vmState: z.string(),
  /**
   * False if the server was already locked. A lock by the propagator would permanently replace that
   * lock.
   */
  lock: z.boolean(),
  /**
   * False for a paused or suspended server, which does not run. A stop would lose the memory of the
   * server.
   */
  stop: z.boolean(),
  /** The option of the policy file when the server was suspended. */
  how: z.enum(['stop', 'pause', 'shelve']).default('stop'),
});
type Before = z.infer<typeof before>;

/**
 * Nova shows this text to the user of a locked server. The text also identifies the propagator's
 * lock.
 */
export const LOCK_REASON = 'The project is suspended (keystone-propagator).';

const stateOf = (row: ServerRow): string => row['OS-EXT-STS:vm_state'] ?? 'unknown';
const hasOurLock = (row: ServerRow): boolean =>
  row.locked === true && row.locked_reason === LOCK_REASON;

const callAction = (row: ServerRow, json: object, { api }: Pick<ProjectContext, 'api'>) =>
  api.request('POST', `/servers/${encodeURIComponent(row.id)}/action`, { json });

const UNCHANGED_STATES: Readonly<Record<string, { message: string; advice: string }>> = {
  rescued: {
    message:
      'the server is in rescue mode and keeps running: Nova does not stop it, and unrescue ' +
      'ends the rescue',
    advice: 'End the rescue (openstack server unrescue), then run the operation again.',
  },
  resized: {
    message:
      'the server waits for the confirmation of a resize and keeps running: a confirmation ' +
      'or a revert cannot be undone',
    advice: 'Confirm or revert the resize, then run the operation again.',
  },
  error: {
    message:
      'the server is in state error and is not changed, because Nova could not start it again',
    advice: 'Check whether the server still runs on its host, and stop it there if necessary.',
  },
};
/** For each option: the action, the action that reverts it, and the states after the action. */
const ACTIONS = {
  stop: { action: 'os-stop', undo: 'os-start', states: ['stopped'] },
  pause: { action: 'pause', undo: 'unpause', states: ['paused'] },
  // Nova offloads a shelved server immediately or after shelved_offload_time.
  shelve: { action: 'shelve', undo: 'unshelve', states: ['shelved', 'shelved_offloaded'] },
} as const;

const hasTpm = ({ flavor }: Pick<ServerRow, 'flavor'>): boolean =>
  Object.keys(flavor?.extra_specs ?? {}).some((name) => name.startsWith('hw:tpm_'));

const volume = z.object({ volume: z.object({ encrypted: z.boolean().nullish() }) });

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
    if (answer && answer.status !== 404 && volume.parse(answer.json).volume.encrypted) return true;
  }
  return false;
}

/** Starts a stopped or shelved server, with a token on its project if Nova needs one. */
async function start(row: ServerRow, action: string, context: ProjectContext): Promise<void> {
  const needsToken = action !== 'unpause' && (await needsProjectToken(row, context));
  const api = needsToken ? await context.apiWithProjectToken?.() : context.api;
  await callAction(row, { [action]: null }, { api: api ?? context.api });
}

/**
 * Returns the reason why a server must not be shelved. A shelve loses an ephemeral disk, and Nova
 * refuses to shelve a server with a vTPM.
 */
function whyNotShelved({ flavor }: ServerRow): { message: string; advice: string } | undefined {
  const advice = 'Stop it by hand if it must not run: openstack server stop ID.';
  if ((flavor?.ephemeral ?? 0) > 0)
    return {
      message: 'the server has an ephemeral disk, which a shelve would lose; it keeps running',
      advice,
    };
  return hasTpm({ flavor })
    ? { message: 'the server has a vTPM, which Nova does not shelve; it keeps running', advice }
    : undefined;
}

const AT_REST = ['stopped', 'shelved', 'shelved_offloaded', 'soft-delete', 'deleted'];

function compare(row: ServerRow, { vmState, lock, stop, how }: Before): Comparison {
  const state = stateOf(row);
  const task = row['OS-EXT-STS:task_state'];
  if (task) return { kind: 'changing', message: `Nova is processing the server (${task})` };
  const suspendedStates: readonly string[] = stop ? ACTIONS[how].states : [vmState];
  const isSuspended = suspendedStates.includes(state);
  const isAsBefore = state === vmState;
  const changed = (message: string): Comparison => ({ kind: 'changed', message });
  if (!lock) {
    if (stop && isSuspended) return { kind: 'suspended' };
    return isAsBefore ? { kind: 'as-before' } : changed(`it is ${state}`);
  }
  if (row.locked !== true)
    return isAsBefore ? { kind: 'as-before' } : changed(`it is unlocked and ${state}`);
  if (!hasOurLock(row)) return changed('another lock has replaced the lock of the suspension');
  if (isSuspended) return { kind: 'suspended' };
  return isAsBefore ? { kind: 'partly' } : changed(`it is ${state}`);
}

/**
 * Servers are locked, then stopped. The lock prevents the owner from starting a server with a
 * cached token. `os-stop` keeps the allocation, so a later start finds the capacity. The guest has
 * time to shut down. Its memory is lost.
 */
export const serverSuspension = defineSuspension<ServerRow, Before>({
  name: 'server',
  options: ['stop', 'pause', 'shelve'],
  summary: {
    suspend:
      'Active servers are locked with a reason and stopped (or paused or shelved, as the ' +
      'policy says). Paused and suspended servers are locked.',
    record: 'The state of the server, its lock, and the option of the policy.',
    resume:
      'The server is started (or unpaused or unshelved), then unlocked. A server with an ' +
      'encrypted volume or a vTPM is started with a token on the project.',
    unchanged: [
      'Suspend and resume do not change a server that was stopped or shelved before.',
      'A lock of the owner or of an administrator is kept: the server is stopped and not ' +
        'locked again.',
      'A server in rescue mode, in a resize that waits for confirmation, or in state error ' +
        'is reported.',
      'Option shelve: a server with an ephemeral disk or a vTPM is reported.',
    ],
  },
  before,
  async list({ api, project }) {
    // A cell that comes up during the list is up in the second check, but not in the list.
    await requireAllCells(api);
    const { rows } = await api.list('/servers/detail', {
      collection: 'servers',
      row: serverRow,
      paging: 'marker',
      query: { all_tenants: 1, project_id: project },
    });
    await requireAllCells(api);
    return rows;
  },
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  assess(row, _context, option) {
    const how = before.shape.how.parse(option || undefined);
    const state = stateOf(row);
    const task = row['OS-EXT-STS:task_state'];
    if (task) return { kind: 'wait', message: `Nova is processing a server (${task})` };
    if (AT_REST.includes(state)) return { kind: 'at-rest' };
    if (state === 'active') {
      const refusal = how === 'shelve' ? whyNotShelved(row) : undefined;
      if (refusal) return { kind: 'leave', ...refusal };
      const lock = row.locked !== true;
      return { kind: 'switch', before: { vmState: state, lock, stop: true, how } };
    }
    if (state === 'paused' || state === 'suspended')
      return row.locked
        ? { kind: 'at-rest' }
        : { kind: 'switch', before: { vmState: state, lock: true, stop: false, how } };
    const refusal = UNCHANGED_STATES[state];
    return refusal
      ? { kind: 'leave', ...refusal }
      : { kind: 'wait', message: `a server is ${state}` };
  },
  async suspend(row, { lock, stop, how }, context) {
    if (lock && !hasOurLock(row))
      await callAction(row, { lock: { locked_reason: LOCK_REASON } }, context);
    if (stop && stateOf(row) === 'active')
      await callAction(row, { [ACTIONS[how].action]: null }, context);
  },
  compare,
  async resume(row, { lock, stop, vmState, how }, context) {
    // The lock is removed last, because it marks the server as suspended.
    const { states, undo } = ACTIONS[how];
    if (stop && (states as readonly string[]).includes(stateOf(row)))
      await start(row, undo, context);
    else if (lock && stateOf(row) === vmState) await callAction(row, { unlock: null }, context);
  },
});

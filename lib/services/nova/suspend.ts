import * as z from 'zod';
import { type Comparison, defineSuspension, type ProjectContext } from '../../task/service.ts';

const serverRow = z.object({
  id: z.string(),
  tenant_id: z.string().nullish(),
  'OS-EXT-STS:vm_state': z.string().nullish(),
  'OS-EXT-STS:task_state': z.string().nullish(),
  locked: z.boolean().nullish(),
  locked_reason: z.string().nullish(),
});
type ServerRow = z.infer<typeof serverRow>;

/** What suspend did with a server, which follows from its state before. */
const before = z.object({
  vmState: z.string(),
  /** False if it was locked already. An administrator's lock would replace that one for good. */
  lock: z.boolean(),
  /** False for a paused or suspended server: it runs nothing, and a stop would lose its memory. */
  stop: z.boolean(),
});
type Before = z.infer<typeof before>;

/** Shown to the user of a locked server. It also tells our lock from any other one. */
export const LOCK_REASON = 'The project is suspended (keystone-propagator).';

const stateOf = (row: ServerRow): string => row['OS-EXT-STS:vm_state'] ?? 'unknown';
const isOursLocked = (row: ServerRow): boolean =>
  row.locked === true && row.locked_reason === LOCK_REASON;

const callAction = (row: ServerRow, json: object, { api }: ProjectContext) =>
  api.request('POST', `/servers/${encodeURIComponent(row.id)}/action`, { json });

const LEFT: Readonly<Record<string, { message: string; advice: string }>> = {
  rescued: {
    message:
      'the server is in rescue mode and keeps running: Nova does not stop it, and unrescue ends the rescue',
    advice: 'End the rescue (openstack server unrescue), then run the operation again.',
  },
  resized: {
    message:
      'the server waits for the confirmation of its resize and keeps running: neither answer can be undone',
    advice: 'Confirm or revert the resize, then run the operation again.',
  },
  error: {
    message:
      'the server is in state error and is left alone: Nova cannot start it from there again',
    advice: 'Look whether it still runs on its host, and stop it there if it must not.',
  },
};
const AT_REST = ['stopped', 'shelved', 'shelved_offloaded', 'soft-delete', 'deleted'];

function compare(row: ServerRow, { vmState, lock, stop }: Before): Comparison {
  const state = stateOf(row);
  const task = row['OS-EXT-STS:task_state'];
  if (task) return { kind: 'changing', message: `Nova is at work on the server (${task})` };
  const suspended = stop ? 'stopped' : vmState;
  if (!lock) {
    if (stop && state === suspended) return { kind: 'suspended' };
    return state === vmState
      ? { kind: 'as-before' }
      : { kind: 'changed', message: `it is ${state}` };
  }
  if (row.locked !== true)
    return state === vmState
      ? { kind: 'as-before' }
      : { kind: 'changed', message: `it is unlocked and ${state}` };
  if (!isOursLocked(row))
    return { kind: 'changed', message: 'another lock has replaced the lock of the suspension' };
  if (state === suspended) return { kind: 'suspended' };
  return state === vmState ? { kind: 'partly' } : { kind: 'changed', message: `it is ${state}` };
}

/**
 * Servers: lock, then stop. The lock keeps the owner from a start with a cached token. `os-stop`
 * keeps the allocation, so a later start cannot fail for capacity. The guest has its shutdown time
 * before the power is cut; the memory is lost.
 */
export const serverSuspension = defineSuspension<ServerRow, Before>({
  name: 'server',
  summary: {
    suspend:
      'Active servers are locked with a reason and stopped. Paused and suspended ones are locked.',
    record: 'The state of the server, and whether it was locked.',
    resume: 'The server is started again, then unlocked.',
    leaves: [
      'A server that is stopped or shelved already stays as it is, before and after.',
      'A lock of the owner or of an administrator is kept: the server is stopped and not locked again.',
      'A server in rescue mode, in a resize that waits for confirmation, or in state error is reported.',
    ],
  },
  before,
  async list({ api, project }) {
    const { rows } = await api.list('/servers/detail', {
      collection: 'servers',
      row: serverRow,
      paging: 'marker',
      query: { all_tenants: 1, project_id: project },
    });
    return rows;
  },
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  assess(row) {
    const state = stateOf(row);
    const task = row['OS-EXT-STS:task_state'];
    if (task) return { kind: 'wait', message: `Nova is at work on a server (${task})` };
    if (AT_REST.includes(state)) return { kind: 'at-rest' };
    if (state === 'active')
      return { kind: 'switch', before: { vmState: state, lock: row.locked !== true, stop: true } };
    if (state === 'paused' || state === 'suspended')
      return row.locked
        ? { kind: 'at-rest' }
        : { kind: 'switch', before: { vmState: state, lock: true, stop: false } };
    const left = LEFT[state];
    return left ? { kind: 'leave', ...left } : { kind: 'wait', message: `a server is ${state}` };
  },
  async suspend(row, { lock, stop }, context) {
    if (lock && !isOursLocked(row))
      await callAction(row, { lock: { locked_reason: LOCK_REASON } }, context);
    if (stop && stateOf(row) === 'active') await callAction(row, { 'os-stop': null }, context);
  },
  compare,
  async resume(row, { lock, stop, vmState }, context) {
    // The lock goes last: it marks the server as ours until it runs again.
    if (stop && stateOf(row) === 'stopped') await callAction(row, { 'os-start': null }, context);
    else if (lock && stateOf(row) === vmState) await callAction(row, { unlock: null }, context);
  },
});

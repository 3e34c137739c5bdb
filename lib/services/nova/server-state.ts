import * as z from 'zod';
import type { Assessment, Comparison } from '../../task/service.ts';

const optionalNumber = z.number().nullish();
export const serverRow = z.object({
  id: z.string(),
  tenant_id: z.string().nullish(),
  'OS-EXT-STS:vm_state': z.string().nullish(),
  'OS-EXT-STS:task_state': z.string().nullish(),
  locked: z.boolean().nullish(),
  locked_reason: z.string().nullish(),
  'os-extended-volumes:volumes_attached': z.array(z.object({ id: z.string() })).nullish(),
  flavor: z
    .looseObject({
      ephemeral: optionalNumber,
      extra_specs: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
});
export type ServerRow = z.infer<typeof serverRow>;

/** The recorded state of a server, and the changes that suspend makes. */
export const recordedServer = z.object({
  /** The state before the suspension. */
  vmState: z.string(),
  /**
   * True if suspend locks the server. False if the server was already locked: a lock by the
   * propagator would permanently replace that lock.
   */
  lock: z.boolean(),
  /**
   * True if suspend stops, pauses or shelves the server. False for a paused or suspended server,
   * which does not run: a stop would lose its memory.
   */
  stop: z.boolean(),
  /** The option of the policy file when the server was suspended. */
  how: z.enum(['stop', 'pause', 'shelve']).default('stop'),
});
export type RecordedServer = z.infer<typeof recordedServer>;

/**
 * Nova shows this text to the user of a locked server. The text also identifies the propagator's
 * lock.
 */
export const LOCK_REASON = 'The project is suspended (keystone-propagator).';

export const stateOf = (row: ServerRow): string => row['OS-EXT-STS:vm_state'] ?? 'unknown';
export const isLockedBySuspend = (row: ServerRow): boolean =>
  row.locked === true && row.locked_reason === LOCK_REASON;

/** The states in which suspend leaves a server unchanged, with the text of the report. */
const REFUSAL_BY_STATE: Readonly<Record<string, { message: string; advice: string }>> = {
  rescued: {
    message:
      'the server is in rescue mode and keeps running: Nova does not stop a server in rescue ' +
      'mode, and resume could not restore the rescue mode',
    advice: 'End the rescue (openstack server unrescue), then run the operation again.',
  },
  resized: {
    message:
      'the server waits for the confirmation of a resize and keeps running: resume could not ' +
      'undo a confirmation or a revert',
    advice: 'Confirm or revert the resize, then run the operation again.',
  },
  error: {
    message:
      'the server is in state error and is not changed, because Nova could not start it again',
    advice: 'Check whether the server still runs on its host, and stop it there if necessary.',
  },
};
/** The actions of Nova for one option of the policy file. */
interface OptionActions {
  readonly suspend: string;
  readonly resume: string;
  /** The states of a server after the action `suspend`. */
  readonly suspendedStates: readonly string[];
}
export const ACTIONS_BY_OPTION: Readonly<Record<RecordedServer['how'], OptionActions>> = {
  stop: { suspend: 'os-stop', resume: 'os-start', suspendedStates: ['stopped'] },
  pause: { suspend: 'pause', resume: 'unpause', suspendedStates: ['paused'] },
  shelve: {
    suspend: 'shelve',
    resume: 'unshelve',
    // Nova offloads a shelved server immediately or after shelved_offload_time.
    suspendedStates: ['shelved', 'shelved_offloaded'],
  },
};

export const hasTpm = ({ flavor }: Pick<ServerRow, 'flavor'>): boolean =>
  Object.keys(flavor?.extra_specs ?? {}).some((name) => name.startsWith('hw:tpm_'));

/**
 * Returns the reason why suspend does not shelve a server, or `undefined` if it does. A shelved
 * server loses its ephemeral disk. Nova refuses to shelve a server with a vTPM.
 */
function refusalToShelve({ flavor }: ServerRow): { message: string; advice: string } | undefined {
  const advice = 'If the server must not run, stop it by hand: openstack server stop ID.';
  if ((flavor?.ephemeral ?? 0) > 0)
    return {
      message: 'the server has an ephemeral disk, which a shelve would lose; it keeps running',
      advice,
    };
  return hasTpm({ flavor })
    ? { message: 'the server has a vTPM, which Nova does not shelve; it keeps running', advice }
    : undefined;
}

const STATES_AT_REST = ['stopped', 'shelved', 'shelved_offloaded', 'soft-delete', 'deleted'];

/** Compares a server with its recorded state. */
export function compare(row: ServerRow, recorded: RecordedServer): Comparison {
  const taskState = row['OS-EXT-STS:task_state'];
  if (taskState)
    return { kind: 'changing', message: `Nova is processing the server (${taskState})` };
  return recorded.lock ? compareLocked(row, recorded) : compareUnlocked(row, recorded);
}

/** Compares a server that suspend does not lock. */
function compareUnlocked(row: ServerRow, { vmState, stop, how }: RecordedServer): Comparison {
  const state = stateOf(row);
  if (stop && ACTIONS_BY_OPTION[how].suspendedStates.includes(state)) return { kind: 'suspended' };
  return state === vmState
    ? { kind: 'as-recorded' }
    : { kind: 'changed', message: `it is ${state}` };
}

/** Compares a server that suspend locks. */
function compareLocked(row: ServerRow, { vmState, stop, how }: RecordedServer): Comparison {
  const state = stateOf(row);
  const isInRecordedState = state === vmState;
  if (row.locked !== true)
    return isInRecordedState
      ? { kind: 'as-recorded' }
      : { kind: 'changed', message: `it is unlocked and ${state}` };
  if (!isLockedBySuspend(row))
    return { kind: 'changed', message: 'another lock has replaced the lock of the suspension' };
  const suspendedStates = stop ? ACTIONS_BY_OPTION[how].suspendedStates : [vmState];
  if (suspendedStates.includes(state)) return { kind: 'suspended' };
  return isInRecordedState ? { kind: 'partly' } : { kind: 'changed', message: `it is ${state}` };
}

/** Decides how suspend treats a server. `option`: the option of the policy file. */
export function assess(row: ServerRow, option: string): Assessment<RecordedServer> {
  const how = recordedServer.shape.how.parse(option || undefined);
  const state = stateOf(row);
  const taskState = row['OS-EXT-STS:task_state'];
  if (taskState) return { kind: 'wait', message: `Nova is processing a server (${taskState})` };
  if (STATES_AT_REST.includes(state)) return { kind: 'at-rest' };
  if (state === 'active') return assessActive(row, how);
  if (state === 'paused' || state === 'suspended')
    return row.locked
      ? { kind: 'at-rest' }
      : { kind: 'suspend', recordedState: { vmState: state, lock: true, stop: false, how } };
  const refusal = REFUSAL_BY_STATE[state];
  return refusal
    ? { kind: 'report-only', ...refusal }
    : { kind: 'wait', message: `a server is ${state}` };
}

/** Assesses an active server. `how`: the option of the policy file. */
function assessActive(row: ServerRow, how: RecordedServer['how']): Assessment<RecordedServer> {
  const refusal = how === 'shelve' ? refusalToShelve(row) : undefined;
  if (refusal) return { kind: 'report-only', ...refusal };
  return {
    kind: 'suspend',
    recordedState: { vmState: stateOf(row), lock: row.locked !== true, stop: true, how },
  };
}

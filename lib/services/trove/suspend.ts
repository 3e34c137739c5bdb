import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import { type Comparison, defineSuspension } from '../../task/service.ts';
import { type InstanceRow, instancesOf } from './rows.ts';

/** The statuses of a running server, and of a running database. */
const RUNNING_STATUSES = ['ACTIVE', 'HEALTHY', 'RESTART_REQUIRED'];
/** The statuses of an instance that Trove is processing. */
const BUSY_STATUSES = [
  ...['BUILD', 'REBOOT', 'RESIZE', 'BACKUP', 'DETACH', 'PROMOTE', 'EJECT', 'UPGRADE', 'LOGGING'],
  ...['NEW', 'RESTARTING', 'UPGRADING'],
];

const actionPathOf = ({ id }: InstanceRow): string => `/instances/${encodeURIComponent(id)}/action`;

/**
 * Returns the state of an instance. For a running server this is the state of the database, because
 * `status` stays ACTIVE when the database is stopped.
 */
const stateOf = ({ service_status, status }: InstanceRow): string =>
  RUNNING_STATUSES.includes(status ?? '') ? (service_status ?? status ?? '') : (status ?? '');

function compare(row: InstanceRow): Comparison {
  const state = stateOf(row);
  if (state === 'SHUTDOWN') return { kind: 'suspended' };
  if (RUNNING_STATUSES.includes(state)) return { kind: 'as-recorded' };
  return BUSY_STATUSES.includes(state)
    ? { kind: 'changing', message: `Trove is processing the instance (${state})` }
    : { kind: 'changed', message: `it is ${state}` };
}

/**
 * True for the 400 that Trove answers after it has waited some seconds for its guest agent. The
 * agent may still stop the database later.
 */
const isAgentTimeout = (error: unknown): error is PropagatorError =>
  error instanceof PropagatorError &&
  error.report.status === 400 &&
  /guest agent/i.test(error.message);

const agentTimeoutError = ({ report }: PropagatorError): PropagatorError =>
  new PropagatorError({
    ...report,
    code: 'trove.agent.timeout',
    class: 'Transient',
    advice:
      'The propagator lists the instance again and repeats the call. If the error persists, ' +
      'check the guest agent: openstack database instance show --as-admin INSTANCE.',
  });

/**
 * Stops databases with the API for administrators. Resume restarts them, which Trove permits for a
 * stopped database. The server of an instance belongs to Trove's own project and keeps running.
 */
export const databaseSuspension = defineSuspension<InstanceRow, object>({
  name: 'instance',
  options: ['stop'],
  summary: {
    suspend: 'Option `stop`: the database of each running instance is stopped.',
    record: 'The id.',
    resume: 'The database is restarted.',
    unchanged: [
      'A member of a cluster is reported and keeps running: ' +
        'Trove cannot stop a member of a cluster.',
    ],
  },
  recordedState: z.object({}),
  list: instancesOf,
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  assess(row) {
    const state = stateOf(row);
    if (BUSY_STATUSES.includes(state))
      return { kind: 'wait', message: `Trove is processing an instance (${state})` };
    if (!RUNNING_STATUSES.includes(state)) return { kind: 'at-rest' };
    if (row.cluster_id)
      return {
        kind: 'report-only',
        message: 'an instance keeps running, because it is a member of a cluster',
        advice: 'If the instance must not answer requests, close its port in a security group.',
      };
    return { kind: 'suspend', recordedState: {} };
  },
  async suspend(row, _recordedState, { api }) {
    try {
      await api.request('POST', `/mgmt${actionPathOf(row)}`, { json: { stop: {} } });
    } catch (error) {
      throw isAgentTimeout(error) ? agentTimeoutError(error) : error;
    }
  },
  compare,
  async resume(row, _recordedState, { api }) {
    await api.request('POST', actionPathOf(row), { json: { restart: {} } });
  },
});

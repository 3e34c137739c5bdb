import * as z from 'zod';
import { type Comparison, defineSuspension } from '../../task/service.ts';
import { type InstanceRow, instancesOf } from './rows.ts';

const RUNNING = ['ACTIVE', 'HEALTHY', 'RESTART_REQUIRED'];
const WORKING = ['BUILD', 'REBOOT', 'RESIZE', 'BACKUP', 'DETACH', 'PROMOTE', 'EJECT', 'UPGRADE'];

const pathOf = ({ id }: InstanceRow): string => `/instances/${encodeURIComponent(id)}/action`;

function compare({ status }: InstanceRow): Comparison {
  if (status === 'SHUTDOWN') return { kind: 'suspended' };
  if (RUNNING.includes(status ?? '')) return { kind: 'as-before' };
  return WORKING.includes(status ?? '')
    ? { kind: 'changing', message: `Trove is at work on it (${status})` }
    : { kind: 'changed', message: `it is ${status}` };
}

/**
 * Databases: stopped with the administrators' API, and started with a restart, which Trove allows
 * in state SHUTDOWN. The server of the instance belongs to Trove's own project and keeps running.
 */
export const databaseSuspension = defineSuspension<InstanceRow, object>({
  name: 'instance',
  options: ['stop'],
  summary: {
    suspend: 'Option `stop`: the database of each running instance is stopped.',
    record: 'The id.',
    resume: 'The database is restarted.',
    leaves: [
      'A member of a cluster is reported and keeps running: Trove acts on it only as a cluster.',
    ],
  },
  before: z.object({}),
  list: instancesOf,
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  assess(row) {
    const status = row.status ?? '';
    if (WORKING.includes(status))
      return { kind: 'wait', message: `Trove is at work on an instance (${status})` };
    if (!RUNNING.includes(status)) return { kind: 'at-rest' };
    if (row.cluster_id)
      return {
        kind: 'leave',
        message: 'an instance keeps running, because it is a member of a cluster',
        advice: 'Close its port in a security group if it must not answer.',
      };
    return { kind: 'switch', before: {} };
  },
  async suspend(row, _before, { api }) {
    await api.request('POST', `/mgmt${pathOf(row)}`, { json: { stop: {} } });
  },
  compare,
  async resume(row, _before, { api }) {
    await api.request('POST', pathOf(row), { json: { restart: {} } });
  },
});

import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import {
  defineService,
  defineType,
  defineUserType,
  type ProjectContext,
  type Removal,
  type ServiceApi,
} from '../task/service.ts';
import { alarmSuspension } from './aodh/suspend.ts';
import { alarmsWithTrustOf } from './aodh/user-alarms.ts';
import { userReports } from './aodh/user-reports.ts';

const alarmRow = z.object({
  alarm_id: z.string(),
  name: z.string().nullish(),
  project_id: z.string().nullish(),
});

/** Returns the API with a token on the project if there is one. */
const preferredApi = ({ api, projectApi }: ProjectContext): ServiceApi => projectApi ?? api;

/**
 * Alarms with their history. If an alarm remained, Aodh would evaluate it and call the URLs of its
 * actions for ever.
 */
const alarm = defineType({
  name: 'alarm',
  /**
   * Lists all alarms in one answer. Aodh's paging marker is a time, so pages would omit alarms with
   * the same time.
   */
  async list(context) {
    const query = { 'q.field': 'project_id', 'q.op': 'eq', 'q.value': context.project };
    const { rows } = await preferredApi(context).list('/v2/alarms', {
      row: alarmRow,
      paging: 'none',
      query,
    });
    return rows;
  },
  id: (row) => row.alarm_id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, context) {
    const api = preferredApi(context);
    const path = `/v2/alarms/${encodeURIComponent(row.alarm_id)}`;
    try {
      await api.request('DELETE', path);
    } catch (error) {
      const status = error instanceof PropagatorError ? error.report.status : undefined;
      if (status === undefined || status === 404 || status === 429) throw error;
      // Aodh first deletes the row and then the trusts of its actions (`trust+http`). If the call
      // failed at a trust, the row is already deleted.
      const answer = await api.request('GET', path, { accept: [404] }).catch(() => undefined);
      if (answer?.status !== 404) throw error;
    }
    return { kind: 'gone' };
  },
});

/**
 * Alarms in existing projects with an action that uses a trust of the deleted user. An alarm
 * belongs to its project and is not removed. The report says that these actions fail.
 */
const alarmOfUser = defineUserType({
  name: 'alarm-of-user',
  list: alarmsWithTrustOf,
  id: (row) => row.alarm_id,
  owner: (row) => row.user_id ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: async (row): Promise<Removal> => ({
    kind: 'retained',
    message: `this alarm of project ${row.project_id} uses a trust of the deleted user`,
    advice:
      'The actions fail from now on. Ask another member of the project to recreate the alarm.',
  }),
});

/**
 * Aodh, Alarming API v2. Its cleanup runs before those of the services that alarms may scale or
 * restart. If the project still exists, the cleanup begins in phase `pre-delete`. Quotas are no
 * resource type, because a listing would create the row of the quota (safety rule: listing must not
 * create).
 */
export const aodh = defineService({
  name: 'aodh',
  catalogTypes: ['alarm', 'alarming'],
  preDelete: true,
  dependents: [
    {
      services: [
        'heat',
        'magnum',
        'tacker',
        'blazar',
        'mistral',
        'zaqar',
        'trove',
        'zun',
        'nova',
        'neutron',
        'cinder',
        'glance',
        'swift',
        'octavia',
        'designate',
        'manila',
        'barbican',
        'gnocchi',
      ],
      strength: 'preferred',
      until: 'done',
    },
  ],
  releases: [
    'All: the quota of the project is not removed, because each read of the quota creates it. ' +
      'The quota does no harm. This command removes it: openstack alarm quota delete PROJECT_ID',
    'All: an alarm action "trust+http" has a trust. Keystone deletes this trust when it deletes ' +
      'the user or the project.',
  ],
  resourceTypes: [alarm],
  userResourceTypes: [alarmOfUser],
  userReports,
  suspension: { suspendAfter: [], types: [alarmSuspension] },
});

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

const alarmRow = z.object({
  alarm_id: z.string(),
  name: z.string().nullish(),
  project_id: z.string().nullish(),
});

const apiOf = ({ api, projectApi }: ProjectContext): ServiceApi => projectApi ?? api;

/**
 * With its history. What is left over is evaluated for ever, and calls whatever its actions name.
 */
const alarm = defineType({
  name: 'alarm',
  /**
   * All at once: Aodh's pages begin after a time and not after a row, and so lose alarms of the
   * same moment.
   */
  async list(context) {
    const query = { 'q.field': 'project_id', 'q.op': 'eq', 'q.value': context.project };
    const { rows } = await apiOf(context).list('/v2/alarms', {
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
    const api = apiOf(context);
    const path = `/v2/alarms/${encodeURIComponent(row.alarm_id)}`;
    try {
      await api.request('DELETE', path);
    } catch (error) {
      const status = error instanceof PropagatorError ? error.report.status : undefined;
      if (status === undefined || status === 404 || status === 429) throw error;
      // The row goes first and the trusts of its actions (`trust+http`) after it: what fails then
      // says nothing about the alarm.
      const answer = await api.request('GET', path, { accept: [404] }).catch(() => undefined);
      if (answer?.status !== 404) throw error;
    }
    return { is: 'gone' };
  },
});

const actions = z.array(z.string()).nullish();
const alarmOfUserRow = alarmRow.extend({
  user_id: z.string().nullish(),
  ok_actions: actions,
  alarm_actions: actions,
  insufficient_data_actions: actions,
});

/**
 * Nothing is taken from a living project because somebody left it; but what an alarm did in his
 * name ends.
 */
const alarmOfUser = defineUserType({
  name: 'alarm-of-user',
  async list({ api, user }) {
    const filters = { all_projects: 'true', user_id: user };
    const query = Object.entries(filters).map(
      ([field, value]) => `q.field=${field}&q.op=eq&q.value=${encodeURIComponent(value)}`,
    );
    const { rows } = await api.list(`/v2/alarms?${query.join('&')}`, {
      row: alarmOfUserRow,
      paging: 'none',
    });
    return rows.filter((row) =>
      [row.ok_actions, row.alarm_actions, row.insufficient_data_actions].some((some) =>
        some?.some((url) => url.startsWith('trust+')),
      ),
    );
  },
  id: (row) => row.alarm_id,
  owner: (row) => row.user_id ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: async (row): Promise<Removal> => ({
    is: 'retained',
    message: `an alarm of project ${row.project_id} acts with a trust of this user, which is gone`,
    advice: 'Its action fails from now on: let another member make the alarm anew.',
  }),
});

/**
 * Aodh, Alarming API v2. Before all that its alarms may scale or restart, and while the project
 * lives where that is possible. Limits of its own stay: to look at them makes a row where there is
 * none (safety rule: listing must not create), so that nobody could tell whether there are any.
 */
export const aodh = defineService({
  name: 'aodh',
  catalogTypes: ['alarm', 'alarming'],
  preDelete: true,
  before: [
    ...[
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
    ],
    ...['octavia', 'designate', 'manila', 'barbican', 'gnocchi'],
  ],
  releases: [
    'All: a quota row of the project stays, one number that does no harm ("openstack alarm quota delete" removes it); Aodh makes one for whoever looks.',
    'All: a trust behind an action "trust+http" goes with its user or its project in Keystone, at the latest.',
  ],
  resourceTypes: [alarm],
  userResourceTypes: [alarmOfUser],
});

import * as z from 'zod';
import { defineSuspension, type ProjectContext } from '../../task/service.ts';
import { haveSameQuery, withoutProjectFilter } from './project-filter.ts';

const alarmRow = z.object({
  alarm_id: z.string(),
  project_id: z.string().nullish(),
  enabled: z.boolean(),
});
type AlarmRow = z.infer<typeof alarmRow>;

/** The whole alarm. A PUT replaces all fields, so every field must be sent. */
const alarmBody = z.looseObject({ enabled: z.boolean() });

/** Enables or disables an alarm, and keeps its query unchanged. */
async function setEnabled(row: AlarmRow, enabled: boolean, context: ProjectContext): Promise<void> {
  const { api, project } = context;
  const path = `/v2/alarms/${encodeURIComponent(row.alarm_id)}`;
  const alarm = alarmBody.parse((await api.request('GET', path)).json);
  if (alarm.enabled === enabled) return;
  const json = { ...withoutProjectFilter(alarm, project), enabled };
  const putAnswer = await api.request('PUT', path, { json });
  // If this Aodh does not add the filter again, the query now lacks it. The second PUT then writes
  // the query as it was read.
  if (!haveSameQuery(putAnswer.json, alarm))
    await api.request('PUT', path, { json: { ...alarm, enabled } });
}

/**
 * Disables alarms before any other resource is suspended. Otherwise alarms would fire because the
 * servers stop.
 */
export const alarmSuspension = defineSuspension<AlarmRow, object>({
  name: 'alarm',
  options: ['off'],
  summary: {
    suspend:
      'Enabled alarms are disabled before the servers are stopped. Otherwise the stop would ' +
      'trigger the alarms.',
    record: 'The id of the alarm.',
    resume: 'The alarm is enabled again after all other resources are resumed.',
    unchanged: ['An alarm that is already disabled stays disabled.'],
  },
  // The recorded state needs no fields, because suspend changes only enabled alarms.
  recordedState: z.object({}),
  async list({ api, project }) {
    const { rows } = await api.list('/v2/alarms', {
      row: alarmRow,
      paging: 'none',
      query: { 'q.field': 'project_id', 'q.op': 'eq', 'q.value': project },
    });
    return rows;
  },
  id: (row) => row.alarm_id,
  owner: (row) => row.project_id ?? undefined,
  assess: (row) => (row.enabled ? { kind: 'suspend', recordedState: {} } : { kind: 'at-rest' }),
  suspend: (row, _recordedState, context) => setEnabled(row, false, context),
  compare: (row) => (row.enabled ? { kind: 'as-recorded' } : { kind: 'suspended' }),
  resume: (row, _recordedState, context) => setEnabled(row, true, context),
});

import * as z from 'zod';
import type { UserContext } from '../../task/service.ts';

const actionUrls = z.array(z.string()).nullish();
const alarmOfUserRow = z.object({
  alarm_id: z.string(),
  name: z.string().nullish(),
  project_id: z.string().nullish(),
  user_id: z.string().nullish(),
  ok_actions: actionUrls,
  alarm_actions: actionUrls,
  insufficient_data_actions: actionUrls,
});

/** Returns the alarms of a user, in any project, with an action that uses a trust of the user. */
export async function alarmsWithTrustOf({ api, user }: UserContext) {
  const filters = { all_projects: 'true', user_id: user };
  const query = Object.entries(filters).map(
    ([field, value]) => `q.field=${field}&q.op=eq&q.value=${encodeURIComponent(value)}`,
  );
  const { rows } = await api.list(`/v2/alarms?${query.join('&')}`, {
    row: alarmOfUserRow,
    paging: 'none',
  });
  return rows.filter((row) =>
    [row.ok_actions, row.alarm_actions, row.insufficient_data_actions]
      .flatMap((urls) => urls ?? [])
      .some((url) => url.startsWith('trust+')),
  );
}

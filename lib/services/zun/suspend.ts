import * as z from 'zod';
import { type Comparison, defineSuspension, type ProjectContext } from '../../task/service.ts';

const containerRow = z.object({
  uuid: z.string(),
  project_id: z.string().nullish(),
  status: z.string().nullish(),
  task_state: z.string().nullish(),
  auto_remove: z.boolean().nullish(),
});
type ContainerRow = z.infer<typeof containerRow>;

/** Zun kills processes that still run this long after the request to stop, like `docker stop`. */
const STOP_TIMEOUT_SECONDS = 10;

const callAction = async (
  row: ContainerRow,
  action: string,
  { api }: ProjectContext,
  query: Record<string, number> = {},
): Promise<void> => {
  await api.request('POST', `/v1/containers/${encodeURIComponent(row.uuid)}/${action}`, { query });
};

function compare({ status, task_state }: ContainerRow): Comparison {
  if (task_state)
    return { kind: 'changing', message: `Zun is processing the container (${task_state})` };
  if (status === 'Stopped') return { kind: 'suspended' };
  return status === 'Running'
    ? { kind: 'as-recorded' }
    : { kind: 'changed', message: `it is ${status}` };
}

/** Suspend stops running containers, and resume starts them again. */
export const containerSuspension = defineSuspension<ContainerRow, object>({
  name: 'container',
  options: ['stop'],
  summary: {
    suspend: 'Running containers are stopped. Their processes have ten seconds to end.',
    record: 'The id.',
    resume: 'The container is started again.',
    unchanged: [
      'A container that Zun removes when it stops (auto_remove) is reported and keeps running.',
      'A container that does not run is not changed. A paused container stays paused.',
    ],
  },
  recordedState: z.object({}),
  async list({ api, project }) {
    const { rows } = await api.list('/v1/containers', {
      collection: 'containers',
      row: containerRow,
      paging: 'next',
      query: { all_projects: true, project_id: project },
    });
    return rows;
  },
  id: (row) => row.uuid,
  owner: (row) => row.project_id ?? undefined,
  assess({ status, task_state, auto_remove }) {
    if (task_state)
      return { kind: 'wait', message: `Zun is processing a container (${task_state})` };
    if (status === 'Restarting' || status === 'Rebuilding' || status === 'Creating')
      return { kind: 'wait', message: `a container is ${status}` };
    if (status !== 'Running') return { kind: 'at-rest' };
    if (auto_remove)
      return {
        kind: 'report-only',
        message: 'a container keeps running, because Zun would remove it when it stops',
        advice:
          'If the container must not run, ask the owner to stop it, or stop it by hand: ' +
          'openstack appcontainer stop ID. Zun then removes the container.',
      };
    return { kind: 'suspend', recordedState: {} };
  },
  suspend: (row, _recordedState, context) =>
    callAction(row, 'stop', context, { timeout: STOP_TIMEOUT_SECONDS }),
  compare,
  resume: (row, _recordedState, context) => callAction(row, 'start', context),
});

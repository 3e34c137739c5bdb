import * as z from 'zod';
import { type Comparison, defineSuspension, type ProjectContext } from '../../task/service.ts';
import { childNodeQuery } from './children.ts';

const nodeRow = z.object({
  uuid: z.string(),
  owner: z.string().nullish(),
  lessee: z.string().nullish(),
  instance_uuid: z.string().nullish(),
  provision_state: z.string(),
  power_state: z.string().nullish(),
  target_power_state: z.string().nullish(),
  maintenance: z.boolean().nullish(),
});
type NodeRow = z.infer<typeof nodeRow>;

const FIELDS = Object.keys(nodeRow.shape).join(',');

/** Returns the project that uses a machine: its lessee, or its owner if it is not leased. */
const projectThatUses = ({ lessee, owner }: NodeRow): string | undefined =>
  lessee ?? owner ?? undefined;

/** Lists the machines that the project uses. */
async function listUsedNodes({ api, project }: ProjectContext): Promise<NodeRow[]> {
  const list = async (query: Record<string, string>): Promise<NodeRow[]> =>
    (
      await api.list('/v1/nodes', {
        collection: 'nodes',
        row: nodeRow,
        paging: 'next',
        query: { ...query, ...childNodeQuery(api), fields: FIELDS },
      })
    ).rows;
  const [leased, owned] = await Promise.all([list({ lessee: project }), list({ owner: project })]);
  // If the project leases a machine to another project, that other project uses it.
  const usedByProject = [...leased, ...owned.filter(({ lessee }) => !lessee)];
  return [...new Map(usedByProject.map((row) => [row.uuid, row])).values()];
}

const setPower = async (row: NodeRow, target: string, { api }: ProjectContext): Promise<void> => {
  const path = `/v1/nodes/${encodeURIComponent(row.uuid)}/states/power`;
  await api.request('PUT', path, { json: { target } });
};

function compare({ power_state, target_power_state }: NodeRow): Comparison {
  if (target_power_state)
    return { kind: 'changing', message: `its power changes (${target_power_state})` };
  if (power_state === 'power off') return { kind: 'suspended' };
  return power_state === 'power on'
    ? { kind: 'as-recorded' }
    : { kind: 'changed', message: `its power state is ${power_state}` };
}

/**
 * Powers off machines that Nova does not use. With `soft power off`, Ironic asks the operating
 * system of the machine to shut down.
 */
export const machineSuspension = defineSuspension<NodeRow, object>({
  name: 'node',
  options: ['power-off'],
  summary: {
    suspend:
      'Option `power-off`: Ironic asks the operating system of each machine to shut down. ' +
      'This applies to machines that the project leases, and to machines that it owns and does ' +
      'not lease to another project.',
    record: 'The id.',
    resume: 'The machine is powered on.',
    unchanged: [
      'A machine on which Nova runs a server is not powered off, because Nova stops the server.',
      'A machine that is not deployed, or is in maintenance, is not changed.',
    ],
  },
  recordedState: z.object({}),
  list: listUsedNodes,
  id: (row) => row.uuid,
  owner: projectThatUses,
  assess(row) {
    if (row.target_power_state)
      return {
        kind: 'wait',
        message: `the power of a machine changes (${row.target_power_state})`,
      };
    if (row.power_state !== 'power on' || row.maintenance) return { kind: 'at-rest' };
    if (row.instance_uuid || row.provision_state !== 'active') return { kind: 'at-rest' };
    return { kind: 'suspend', recordedState: {} };
  },
  suspend: (row, _recordedState, context) => setPower(row, 'soft power off', context),
  compare,
  resume: (row, _recordedState, context) => setPower(row, 'power on', context),
});

import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import {
  type Blocker,
  defineService,
  defineType,
  type ProjectContext,
  type Removal,
} from '../task/service.ts';
import { childNodeQuery } from './ironic/children.ts';
import { machineSuspension } from './ironic/suspend.ts';
import { hasStatus } from './kit/errors.ts';

/** The states of a machine without an operating system of the lessee. */
const UNDEPLOYED_STATES = [
  'enroll',
  'verifying',
  'manageable',
  'available',
  'inspecting',
  'inspect wait',
  'inspect failed',
  'clean failed',
];
const CLEANING_STATES = ['deleting', 'cleaning', 'clean wait', 'clean hold'];

const nodeRow = z.object({
  uuid: z.string(),
  name: z.string().nullish(),
  owner: z.string().nullish(),
  lessee: z.string().nullish(),
  provision_state: z.string(),
  instance_uuid: z.string().nullish(),
});
type NodeRow = z.infer<typeof nodeRow>;

async function listNodes(
  { api }: ProjectContext,
  query: Readonly<Record<string, string>>,
): Promise<NodeRow[]> {
  const fields = 'uuid,name,owner,lessee,provision_state,instance_uuid';
  const { rows } = await api.list('/v1/nodes', {
    collection: 'nodes',
    row: nodeRow,
    paging: 'next',
    query: { ...query, ...childNodeQuery(api), fields },
  });
  return rows;
}

/** Returns the reason why the lessee cannot be removed from the node now. */
function leaseBlocker(row: NodeRow): Blocker | undefined {
  if (CLEANING_STATES.includes(row.provision_state))
    return {
      message: `the node is ${row.provision_state}`,
      actor: 'none',
      advice: 'The propagator removes the lessee when the node has left this state.',
    };
  if (UNDEPLOYED_STATES.includes(row.provision_state) && !row.instance_uuid) return undefined;
  const reservation = row.instance_uuid ? ` for instance ${row.instance_uuid}` : '';
  return {
    message: `the node is ${row.provision_state}${reservation}`,
    actor: 'operator',
    advice:
      'If the machine is no longer needed, undeploy it: openstack baremetal node ' +
      'undeploy NODE. The next run then removes the lessee.',
  };
}

/**
 * Machines that the project leases. The cleanup removes the lessee of a machine. It never undeploys
 * a machine, because Ironic does not know its workload.
 */
const lease = defineType({
  name: 'lease',
  dependsOn: [{ types: ['allocation'], strength: 'preferred', until: 'done' }],
  blockers: [
    'The propagator does not remove the lessee while the node is deployed or reserved for an ' +
      'instance.',
  ],
  list: (context) => listNodes(context, { lessee: context.project }),
  id: (row) => row.uuid,
  owner: (row) => row.lessee ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: leaseBlocker,
  async remove(row, { api }) {
    await api.request('PATCH', `/v1/nodes/${encodeURIComponent(row.uuid)}`, {
      json: [{ op: 'remove', path: '/lessee' }],
    });
    return { kind: 'gone' };
  },
});

/** Machines that belong to the project. Only the operator decides about the hardware. */
const node = defineType({
  name: 'node',
  dependsOn: [{ types: ['lease'], strength: 'preferred', until: 'done' }],
  list: (context) => listNodes(context, { owner: context.project }),
  id: (row) => row.uuid,
  owner: (row) => row.owner ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: async (): Promise<Removal> => ({
    kind: 'retained',
    message:
      'the machine belongs to the project; the propagator never deletes a machine ' +
      'or changes its owner',
    advice:
      'Assign another owner (openstack baremetal node set --owner PROJECT_ID NODE), ' +
      'remove the owner (openstack baremetal node unset --owner NODE), or delete the ' +
      'node (openstack baremetal node delete NODE).',
  }),
});

const allocationRow = z.object({
  uuid: z.string(),
  name: z.string().nullish(),
  owner: z.string().nullish(),
});

/** Requests for a node. Ironic removes an allocation when its node is undeployed. */
const allocation = defineType({
  name: 'allocation',
  blockers: ['Ironic does not delete an allocation while its node is deployed.'],
  async list({ api, project }) {
    const query = { owner: project };
    const { rows } = await api.list('/v1/allocations', {
      collection: 'allocations',
      row: allocationRow,
      paging: 'next',
      query,
    });
    return rows;
  },
  id: (row) => row.uuid,
  owner: (row) => row.owner ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }): Promise<Removal> {
    try {
      await api.request('DELETE', `/v1/allocations/${encodeURIComponent(row.uuid)}`);
    } catch (error) {
      // A 409 without these words means that an operation in progress locks the node.
      if (!hasStatus(error, 409) || !/because the node is/.test(error.message)) throw error;
      return {
        kind: 'blocked',
        message: error.message,
        actor: 'operator',
        advice:
          'If the machine is no longer needed, undeploy it: openstack baremetal node ' +
          'undeploy NODE. Ironic then deletes the allocation.',
      };
    }
    return { kind: 'gone' };
  },
});

const runbookRow = z.object({
  uuid: z.string(),
  name: z.string().nullish(),
  owner: z.string().nullish(),
});

/**
 * Runbooks: steps that a project wrote for its nodes (microversion 1.92). A public runbook has no
 * owner. Ironic has no filter by project for runbooks.
 */
const runbook = defineType({
  name: 'runbook',
  async list({ api, project }) {
    const listing = api.list('/v1/runbooks', {
      collection: 'runbooks',
      row: runbookRow,
      paging: 'next',
      query: { detail: true },
    });
    const { rows } = await listing.catch((error: unknown) => {
      if (!(error instanceof PropagatorError) || error.class !== 'Gone') throw error;
      throw new PropagatorError({
        ...error.report,
        code: 'ironic.runbook.unsupported',
        class: 'Unsupported',
        message: 'this Ironic has no runbooks (microversion 1.92, 2024.2)',
        advice: 'No action is necessary.',
      });
    });
    return rows.filter((row) => row.owner === project || row.owner === undefined);
  },
  id: (row) => row.uuid,
  owner: (row) => row.owner ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }) {
    await api.request('DELETE', `/v1/runbooks/${encodeURIComponent(row.uuid)}`);
    return { kind: 'gone' };
  },
});

/**
 * Ironic, Bare Metal API v1. The propagator uses a token with system scope, because to a token on a
 * project Ironic lists only the nodes of that project. 1.65 (Victoria) is the first microversion
 * with lessees. Nodes are never removed. Ironic's cleanup runs after Nova's, because Nova must
 * first remove its servers from the machines.
 */
export const ironic = defineService({
  name: 'ironic',
  catalogTypes: ['baremetal', 'bare-metal'],
  scope: 'system',
  dependsOn: [{ services: ['nova', 'heat', 'mistral'], strength: 'preferred', until: 'done' }],
  // Older releases do not support the standard header.
  microversion: { header: 'X-OpenStack-Ironic-API-Version', floor: '1.65', ceiling: '1.92' },
  releases: ['Before 2024.2 (1.92) there are no runbooks.'],
  resourceTypes: [allocation, runbook, lease, node],
  suspension: { suspendAfter: ['aodh', 'octavia', 'nova'], types: [machineSuspension] },
  leftBySuspend: [
    {
      types: ['allocation', 'runbook'],
      because: 'It runs nothing.',
    },
    {
      types: ['lease'],
      because: 'The option `power-off` changes the machine (type `node`), not its lease.',
    },
  ],
});

import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import { defineService, defineType, type Removal } from '../task/service.ts';
import { vnfInstance } from './tacker/instance.ts';
import { listWithOwner, type WithOwner } from './tacker/tenant.ts';

const subscriptionRow = z.object({ id: z.string(), callbackUri: z.string().nullish() });

/**
 * Subscriptions to notifications of VNFs. Any administrator can list them. Tacker removes a
 * subscription only with a token on the project that created it.
 */
const subscription = defineType<WithOwner<z.infer<typeof subscriptionRow>>>({
  name: 'subscription',
  requiresLiveProject: {
    class: 'D',
    leftover: 'subscriptions to notifications of VNFs',
    advice:
      'Delete their rows from the table vnf_lcm_subscriptions in the Tacker database, because ' +
      'Tacker continues to call their URLs.',
  },
  list: (context) => listWithOwner(context, '/vnflcm/v1/subscriptions', subscriptionRow),
  id: (row) => row.id,
  owner: (row) => row.owner,
  label: (row) => row.callbackUri ?? undefined,
  async remove(row, { projectApi }): Promise<Removal> {
    // With another token, Tacker answers 404 although the subscription exists.
    if (!projectApi)
      return {
        kind: 'blocked',
        message: 'Tacker deletes the subscription only with a token on its project',
        actor: 'operator',
      };
    await projectApi.request('DELETE', `/vnflcm/v1/subscriptions/${encodeURIComponent(row.id)}`);
    return { kind: 'gone' };
  },
});

const vimRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  tenant_id: z.string().nullish(),
});

/**
 * VIMs: the clouds in which Tacker creates VNFs, each with a login. Tacker deletes a VIM with its
 * login, which is in Barbican or in a file. VIMs are removed last, because Tacker needs the VIM of
 * a VNF to remove the VNF.
 */
const vim = defineType({
  name: 'vim',
  dependsOn: [{ types: ['vnf-instance'], strength: 'required', until: 'empty' }],
  async list({ api, project }) {
    const { rows } = await api.list('/v1.0/vims', {
      collection: 'vims',
      row: vimRow,
      paging: 'none',
      query: { tenant_id: project },
    });
    return rows;
  },
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api, projectApi }) {
    await (projectApi ?? api).request('DELETE', `/v1.0/vims/${encodeURIComponent(row.id)}`);
    return { kind: 'gone' };
  },
});

const packageRow = z.object({ id: z.string() });

/**
 * VNF packages. Tacker stores the owner of a package, but no API call shows it or filters by it.
 * Each package of the cloud may therefore belong to this project.
 */
const vnfPackage = defineType<z.infer<typeof packageRow>>({
  name: 'vnf-package',
  dependsOn: [{ types: ['vnf-instance'], strength: 'preferred', until: 'done' }],
  blockers: [
    'Tacker does not show the owner of a package, so the propagator never deletes a ' +
      'package. If the cloud has packages, the report says so.',
  ],
  async list({ api, region }) {
    const { rows } = await api.list('/vnfpkgm/v1/vnf_packages', {
      row: packageRow,
      paging: 'none',
      query: { all_records: 'yes' },
    });
    if (rows.length === 0) return [];
    throw new PropagatorError({
      code: 'tacker.vnf-package.hidden',
      class: 'Unsupported',
      message:
        `Tacker has ${rows.length} VNF packages and does not show their owners; ` +
        'packages of this project may remain',
      advice:
        'Find the packages of the project by tenant_id in the table vnf_packages of the ' +
        'Tacker database. Then disable and delete them: openstack vnf package delete ' +
        'PACKAGE',
      service: 'tacker',
      region,
    });
  },
  id: (row) => row.id,
  owner: () => undefined,
  remove: async () => ({
    kind: 'blocked',
    message: 'Tacker does not show the owner of the package',
    actor: 'operator',
  }),
});

/**
 * Tacker, VNF lifecycle management v1 (ETSI SOL003) and the VIMs of the legacy API. Tacker's
 * cleanup runs before Heat's, because VNFs are stacks in Heat. It also runs before the cleanup of
 * each service whose resources these stacks contain. It takes part in phase `pre-delete`, because
 * Tacker uses logins that may end with the project.
 */
export const tacker = defineService({
  name: 'tacker',
  catalogTypes: ['nfv-orchestration'],
  dependents: [
    {
      services: ['heat', 'nova', 'neutron', 'cinder', 'glance', 'barbican'],
      strength: 'preferred',
      until: 'done',
    },
  ],
  preDelete: true,
  resourceTypes: [vnfInstance, vnfPackage, subscription, vim],
  releases: [
    'VNF packages are not removed: no call of Tacker shows the owner of a package. Members can ' +
      'list and delete their own packages before the project is deleted.',
    'VNF instances of API v2 (/vnflcm/v2) are not removed: Tacker stores no project for them. ' +
      'The task of Heat deletes their stacks.',
    'From 2023.1 on, with [oslo_policy] enhanced_tacker_policy, Tacker omits VNF instances ' +
      'that its policy file does not show to the propagator. The policy file must show all ' +
      'instances to the role admin.',
    'VNFs, descriptors and network services of the legacy API (/v1.0; removed in 2024.1) are ' +
      'not cleaned up. VNF instances of API v1 are cleaned up, although the legacy API lists ' +
      'them too.',
  ],
  leftBySuspend: [
    {
      types: ['vnf-instance'],
      because: 'It consists of servers of the project, which the suspend of Nova stops.',
    },
    {
      types: ['vnf-package', 'subscription', 'vim'],
      because: 'It only stores data.',
    },
  ],
});

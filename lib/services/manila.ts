import { defineService } from '../task/service.ts';
import { defineProjectQuotaAt } from './kit/quota.ts';
import { backup } from './manila/backups.ts';
import { replica, snapshot } from './manila/copies.ts';
import { group, groupSnapshot } from './manila/groups.ts';
import { securityService, shareNetwork, shareServer } from './manila/networks.ts';
import { provision } from './manila/provision.ts';
import { lock, share, transfer } from './manila/shares.ts';
import { quotaSuspension } from './manila/suspend.ts';
import { groupTypeAccess, typeAccess } from './manila/types.ts';

/**
 * Limits that were set for the project and for its members. Manila does not check the project in
 * Keystone, so the limits of a deleted project can be listed and reset. The quota is reset last: a
 * reset also removes the usage counters, which Manila needs when it removes other resources.
 */
const quota = defineProjectQuotaAt('/quota-sets', {
  dependsOn: [
    {
      types: ['share', 'snapshot', 'replica', 'backup', 'group', 'group-snapshot', 'share-network'],
      strength: 'required',
      until: 'empty',
    },
  ],
});

/**
 * Manila, Shared File Systems API v2. Before microversion 2.56 (Victoria), groups and replicas are
 * experimental. Messages are not removed, because they expire. A resource waits only for the
 * resources that it depends on (safety rule: one stuck resource stops no other). The limits of a
 * deleted user are not removed: Manila would also remove the usage counters of the user's shares in
 * existing projects.
 */
export const manila = defineService({
  name: 'manila',
  catalogTypes: ['shared-file-system', 'sharev2', 'share'],
  // Share servers have ports in the project's subnets, and encrypted shares have keys in Barbican.
  dependents: [{ services: ['neutron', 'barbican'], strength: 'preferred', until: 'done' }],
  microversion: { header: 'X-OpenStack-Manila-API-Version', floor: '2.56', ceiling: '2.81' },
  releases: [
    'The propagator does not support releases before Victoria (microversion 2.56).',
    'The recycle bin exists since Yoga (2.69), transfers since 2023.1 (2.77), ' +
      'backups (2.80) and locks (2.81) since 2023.2.',
    'All: limits for a single share type are not listed. They stay until the type ' +
      'is deleted, and do no harm.',
  ],
  resourceTypes: [
    lock,
    transfer,
    backup,
    replica,
    groupSnapshot,
    snapshot,
    share,
    group,
    shareServer,
    shareNetwork,
    securityService,
    typeAccess,
    groupTypeAccess,
    quota,
  ],
  suspension: { suspendAfter: ['nova'], types: [quotaSuspension] },
  leftBySuspend: [
    {
      types: ['share', 'snapshot', 'replica', 'group', 'group-snapshot', 'backup'],
      because:
        'It runs nothing. The access rules of shares stay, because a rule that is removed and ' +
        'created again gets a new id and a new key.',
    },
    {
      types: ['share-server', 'share-network', 'security-service'],
      because: 'Clients of other projects may have mounted shares that use it.',
    },
    {
      types: ['lock', 'transfer'],
      because: 'A lock protects a share, and a transfer offers a share. Neither runs anything.',
    },
    {
      types: ['type-access', 'group-type-access'],
      because: 'It applies only to new shares.',
    },
  ],
  provision,
});

import { defineProvision } from '../../task/service.ts';
import { provisionQuotaSet } from '../kit/provision-quota.ts';
import { network } from './provision-network.ts';
import { securityGroupRules } from './provision-rules.ts';
import { type NeutronSection, schema } from './provision-schema.ts';
import { sharedNetworks } from './provision-shared.ts';
import { quotaSet } from './quota.ts';

/** Provisions limits. Neutron creates the quota row of a project when its first limit is set. */
const quota = provisionQuotaSet<NeutronSection>(quotaSet);

/** The section of Neutron in a profile, and how a project is compared with it. */
export const provision = defineProvision<NeutronSection>({
  schema,
  summary: [
    'Limits of the project (`quota`).',
    'A network with a subnet, and a router with an external gateway (`network`).',
    'Access to networks of other projects (`sharedNetworks`), by RBAC policies.',
    'Rules of the security group `default` (`securityGroupRules`).',
  ],
  parts: [quota, network, sharedNetworks, securityGroupRules],
});

import { defineProvision } from '../../task/service.ts';
import { defineQuotaSetProvision } from '../kit/provision-quota.ts';
import { compareNetwork } from './provision-network.ts';
import { compareSecurityGroupRules } from './provision-rules.ts';
import { type NeutronSection, schema } from './provision-schema.ts';
import { compareSharedNetworks } from './provision-shared.ts';
import { quotaSet } from './quota.ts';

/** Limits. Neutron creates the quota row of a project when its first limit is set. */
const quota = defineQuotaSetProvision<NeutronSection>(quotaSet);

/** The section of Neutron in a profile, and how a project is compared with it. */
export const provision = defineProvision<NeutronSection>({
  schema,
  summary: [
    'Limits of the project (`quota`).',
    'A network with a subnet, and a router with an external gateway (`network`).',
    'Access to networks of other projects (`sharedNetworks`), by RBAC policies.',
    'Rules of the security group `default` (`securityGroupRules`).',
  ],
  parts: [quota, compareNetwork, compareSharedNetworks, compareSecurityGroupRules],
});

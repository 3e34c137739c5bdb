import { cinder } from '../../../lib/services/cinder.ts';
import { glance } from '../../../lib/services/glance.ts';
import { neutron } from '../../../lib/services/neutron.ts';
import { nova } from '../../../lib/services/nova.ts';
import { swift } from '../../../lib/services/swift.ts';
import { testServiceContract } from './service-contract.ts';
import { testSuspensionContract } from './suspension-contract.ts';

// The services whose own test files do not call the contract.
testServiceContract(glance);
// The version document is read before any list.
testServiceContract(nova, { listings: /\/(servers|os-server-groups|flavors|limits)/ });
// A row of Swift names no owner: the account is part of each path.
testServiceContract(swift, {
  ownerInRow: false,
  prepare({ rehearsal, project }) {
    const account = rehearsal.state.accounts.get(`AUTH_${project}`);
    const [container] = account?.containers.values() ?? [];
    if (!account || !container) throw new TypeError('the project has no container');
    account.headers['x-account-meta-temp-url-key'] = 'secret';
    container.headers['x-container-read'] = '.r:*,.rlistings,other:user';
  },
});

// The contract of removals does not fit Cinder and Neutron. Their own tests cover the removals.
testSuspensionContract(cinder, { others: [nova] });

testSuspensionContract(neutron, { others: [nova] });

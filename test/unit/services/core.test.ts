import { cinder } from '../../../lib/services/cinder.ts';
import { glance } from '../../../lib/services/glance.ts';
import { neutron } from '../../../lib/services/neutron.ts';
import { nova } from '../../../lib/services/nova.ts';
import { swift } from '../../../lib/services/swift.ts';
import { testServiceContract } from './service-contract.ts';
import { testSuspensionContract } from './suspension-contract.ts';

/**
 * The contract of every service, for core services. The tests of one service are in its own file.
 */
testServiceContract(glance);
// The version document is read before any list.
testServiceContract(nova, { listings: /\/(servers|os-server-groups|flavors|limits)/ });
// The account is part of each path; no row repeats it.
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

// The contract of removals does not fit the parts of these two. Other tests empty them.
testSuspensionContract(cinder, { others: [nova] });

testSuspensionContract(neutron, { others: [nova] });

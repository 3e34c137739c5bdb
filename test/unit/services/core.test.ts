import { glance } from '../../../lib/services/glance.ts';
import { nova } from '../../../lib/services/nova.ts';
import { swift } from '../../../lib/services/swift.ts';
import { testServiceContract } from './service-contract.ts';

/**
 * The contract of every service, for core services; each has its particular tests in a file of
 * its own.
 */
testServiceContract(glance);
// The version document is read before any list.
testServiceContract(nova, { listings: /\/(servers|os-server-groups|flavors|limits)/ });
// The account is part of each path; no row repeats it.
testServiceContract(swift, { ownerInRow: false });

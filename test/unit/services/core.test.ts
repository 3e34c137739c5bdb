import { glance } from '../../../lib/services/glance.ts';
import { nova } from '../../../lib/services/nova.ts';
import { swift } from '../../../lib/services/swift.ts';
import { testServiceContract } from './service-contract.ts';

/**
 * Core services on the contract of every service; what is particular to each stands in a file of
 * its own.
 */
testServiceContract(glance);
// The version document is asked before any listing.
testServiceContract(nova, { listings: /\/(servers|os-server-groups|flavors|limits)/ });
// The account is part of each path; no row repeats it.
testServiceContract(swift, { ownerInRow: false });

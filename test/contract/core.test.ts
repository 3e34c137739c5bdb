import { glance } from '../../lib/services/glance.ts';
import { nova } from '../../lib/services/nova.ts';
import { swift } from '../../lib/services/swift.ts';
import { keepsTheContract } from './every-service.ts';

/** Core services on the contract of every service; what is particular to each stands in a file of its own. */
keepsTheContract(glance);
// The version document is asked before any listing.
keepsTheContract(nova, { listings: /\/(servers|os-server-groups|flavors|limits)/ });
// The account is the address of all that is in it; no row says it again.
keepsTheContract(swift, { ownerInRow: false });

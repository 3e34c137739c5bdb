import type { Service } from '../cleanup/service.ts';
import { assertNoCycle } from '../operation/order.ts';
import { glance } from './glance.ts';
import { keystone } from './keystone.ts';
import { swift } from './swift.ts';

/** Every service that is covered. A test fails when a file beside this one is missing here. */
export const SERVICES: readonly Service[] = [glance, swift, keystone];
assertNoCycle(SERVICES);

import { jest } from '@jest/globals';
import { Agent } from '../../../lib/engine/aws/package/agent.ts';

// What stands in for undici in the bundles of functions keeps the same contract: the tests of the connection once more, on it.
jest.unstable_mockModule('undici', () => ({ Agent }));
await import('../openstack/connection.test.ts');

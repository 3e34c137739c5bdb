import { jest } from '@jest/globals';
import { Agent, ProxyAgent } from '../../../../infra/aws/bundle/http-agent.ts';

// What stands in for undici in the bundles of functions keeps the same contract: the tests of the
// connection once more, on it.
jest.unstable_mockModule('undici', () => ({ Agent, ProxyAgent }));
await import('../../openstack/connection.test.ts');

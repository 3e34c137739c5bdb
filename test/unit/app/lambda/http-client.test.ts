import { jest } from '@jest/globals';
import { createLambdaHttpClient } from '../../../../lib/app/lambda/http-client.ts';

// The HTTP client of the functions keeps the same contract as undici. The tests of the connection,
// with this client.
jest.unstable_mockModule('../../../../lib/openstack/undici-client.ts', () => ({
  createUndiciClient: createLambdaHttpClient,
}));
await import('../../openstack/connection.test.ts');

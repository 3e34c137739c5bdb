import { jest } from '@jest/globals';
import { createLambdaHttpClient } from '../../../../lib/app/lambda/http-client.ts';

// The HTTP client of the functions keeps the same contract as undici: the tests of the connection
// once more, with it.
jest.unstable_mockModule('../../../../lib/openstack/undici-client.ts', () => ({
  createUndiciClient: createLambdaHttpClient,
}));
await import('../../openstack/connection.test.ts');

import { jest } from '@jest/globals';
import { createLambdaHttpClient } from '../../../../lib/app/lambda/http-client.ts';

// The HTTP client of the functions has the same contract as the client with undici. This file runs
// the tests of the connection with the client of the functions.
jest.unstable_mockModule('../../../../lib/openstack/undici-client.ts', () => ({
  createUndiciClient: createLambdaHttpClient,
}));
await import('../../openstack/connection.test.ts');

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { apiFunction } from '../../../../functions/api.ts';
import { coordinateFunction } from '../../../../functions/coordinate.ts';
import { httpPluginFunction } from '../../../../functions/http-plugin.ts';
import { ingestFunction } from '../../../../functions/ingest.ts';
import { serviceFunction } from '../../../../functions/service.ts';
import { sweepFunction } from '../../../../functions/sweep.ts';
import type { Environment } from '../../../../lib/app/lambda/context.ts';
import { NO_POLICY } from '../../../../lib/policy/schema.ts';
import { aodh } from '../../../../lib/services/aodh.ts';

/** The shortest time limit of a function: API Gateway waits 29 s for an answer. */
const SHORTEST_FUNCTION_MILLIS = 29_000;
const STEP_MILLIS = 250;

const FUNCTIONS = {
  api: (environment: Environment) => apiFunction(environment, NO_POLICY),
  coordinate: (environment: Environment) => coordinateFunction(environment, NO_POLICY),
  ingest: ingestFunction,
  sweep: (environment: Environment) => sweepFunction(environment, NO_POLICY),
  'service-aodh': (environment: Environment) => serviceFunction(environment, aodh, []),
  'service-billing': (environment: Environment) =>
    httpPluginFunction(environment, { name: 'billing', url: 'http://127.0.0.1:9/' }),
};

describe('a Lambda function, while AWS does not answer', () => {
  let server: Server;
  let attempts = 0;
  beforeEach(async () => {
    attempts = 0;
    server = createServer(() => {
      attempts += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
    server.closeAllConnections();
    server.close();
  });

  it.each(Object.entries(FUNCTIONS))(
    '%s gives up after three attempts, before API Gateway does',
    async (_, create) => {
      const { port } = server.address() as AddressInfo;
      const handler = create({
        AWS_REGION: 'eu-central-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
        STACK_PREFIX: 'propagator-test',
        STACK_SERVICES: 'aodh,billing',
        STACK_SECRET_ARN: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:test',
        PROPAGATOR_LOG_LEVEL: 'silent',
      }) as (event: unknown, context: unknown) => Promise<unknown>;
      let thrown: unknown;
      const invocation = handler({ Records: [] }, { awsRequestId: 'one' }).catch((error) => {
        thrown = error;
      });
      let elapsedMillis = 0;
      for (; thrown === undefined && elapsedMillis < 10 * SHORTEST_FUNCTION_MILLIS; ) {
        await jest.advanceTimersByTimeAsync(STEP_MILLIS);
        elapsedMillis += STEP_MILLIS;
        // The connection to the server needs real time.
        await delay(5);
      }
      await invocation;
      expect(thrown).toMatchObject({ name: 'openstack.secret' });
      expect(attempts).toBe(3);
      expect(elapsedMillis).toBeLessThan(SHORTEST_FUNCTION_MILLIS);
    },
  );
});

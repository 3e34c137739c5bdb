import { openApiDocument } from '../../../lib/api/openapi.ts';
import { headersOf } from '../../api-tokens.ts';
import { apiUnderTest, BASE } from './api-under-test.ts';

interface DescribedRoute {
  readonly requestBody?: {
    readonly content: Record<string, { readonly schema: { readonly properties?: object } }>;
  };
}
const { paths } = openApiDocument() as { paths: Record<string, Record<string, DescribedRoute>> };
/** Every route whose body has a reason. */
const routes = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).flatMap(([method, { requestBody }]) =>
    'reason' in (requestBody?.content['application/json']?.schema.properties ?? {})
      ? [[method.toUpperCase(), path] as const]
      : [],
  ),
);
/** The other fields that a route requires. */
const REQUIRED: Readonly<Record<string, object>> = {
  '/v1/operations': { action: 'cleanup', project: 'p' },
  '/v1/operations/{id}/approve': { digest: '0'.repeat(64) },
  '/v1/holds': { project: 'p' },
  '/v1/waivers': { type: 'rating' },
  '/v1/dead-letters/redrive': { all: true },
  '/v1/dead-letters/discard': { service: 'nova' },
  '/v1/suspicious/release': { all: true },
  '/v1/suspicious/drop': { all: true },
};
const requestWithReason = async (method: string, path: string, reason: string) => {
  const { app, engine } = apiUnderTest();
  const answer = await app.request(`${BASE}${path.replace('{id}', 'op-0123456789ab')}`, {
    method,
    headers: headersOf('ann', 'application/json'),
    body: JSON.stringify({ ...REQUIRED[path], reason }),
  });
  return { status: answer.status, text: await answer.text(), engine };
};

it('finds the routes of all decisions', () => {
  expect(routes.map(([, path]) => path)).toEqual(
    expect.arrayContaining([...Object.keys(REQUIRED), '/v1/stop-all', '/v1/projects/{id}/suspend']),
  );
  expect(routes.length).toBeGreaterThanOrEqual(16);
});

describe.each(routes)('%s %s', (method, path) => {
  it.each(['…', '...', ' ', '-', '"'])('refuses the reason %j', async (reason) => {
    const { status, text, engine } = await requestWithReason(method, path, reason);
    expect(status).toBe(400);
    expect(text).toContain('reason: write a reason, in words or numbers');
    expect([engine.waiting, engine.operations.size, engine.waivers.size]).toEqual([[], 0, 0]);
  });

  it.each(['left', '契約', '٣'])('reads the reason %j', async (reason) => {
    expect((await requestWithReason(method, path, reason)).status).not.toBe(400);
  });
});

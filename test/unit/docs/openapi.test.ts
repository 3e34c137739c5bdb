import { readFileSync } from 'node:fs';
import { ROUTE_ACCESS, routesOf } from '../../../lib/api/access.ts';
import { openApiDocument, openApiPath } from '../../../lib/api/openapi.ts';
import { apiUnderTest, BASE } from '../api/api-under-test.ts';

const document = openApiDocument() as {
  openapi: string;
  paths: Record<string, Record<string, { operationId: string; responses: object }>>;
};
const described = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);

describe('the OpenAPI document', () => {
  it('is up to date with the code: otherwise run "npm run docs"', () => {
    expect(JSON.parse(readFileSync('docs/api/openapi.json', 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(document)),
    );
  });

  it('describes exactly the routes of the app', () => {
    const { app } = apiUnderTest();
    expect(described.toSorted()).toEqual(routesOf(app).map(openApiPath).toSorted());
    expect(Object.keys(ROUTE_ACCESS).map(openApiPath).toSorted()).toEqual(described.toSorted());
  });

  it('names each operation once', () => {
    const names = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it('is served without a token', async () => {
    const { app } = apiUnderTest();
    const response = await app.request(`${BASE}/v1/openapi.json`);
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(document)));
  });
});

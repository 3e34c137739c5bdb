import type { Hono } from 'hono';
import * as z from 'zod';
import { ROUTE_ACCESS, type Route } from './access.ts';
import { JSON_LINES_TYPES } from './body.ts';
import { ROUTE_DESCRIPTIONS, type RouteDescription } from './openapi-routes.ts';

type Json = Readonly<Record<string, unknown>>;

/** The statuses of errors, with their causes. */
const ERROR_TEXTS: Readonly<Record<number, string>> = {
  400: 'The request is wrong: a field is missing, unknown or has a wrong value.',
  401: 'The request has no valid token.',
  403: 'The caller may not do this, or the request comes from a foreign web page.',
  404: 'The resource or the route does not exist.',
  409: 'The request is not possible in the current state.',
  413: 'The body or the answer is too large.',
  415: 'The body is not declared as JSON.',
  429: 'The caller has sent too many requests. Retry-After has the seconds to wait.',
  503: 'Keystone or the store does not answer.',
};
/** The statuses that no GET request receives. */
const STATUSES_OF_CHANGES: readonly number[] = [415];

/** The form of every error. */
const ErrorAnswer = z.looseObject({
  error: z.looseObject({
    code: z.string(),
    message: z.string(),
    advice: z.string().optional(),
  }),
  requestId: z.string().optional(),
});

/**
 * The OpenAPI 3.1 document of the API. zod converts the schemas with which the routes validate to
 * JSON Schema 2020-12.
 */
export function openApiDocument(): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of Object.keys(ROUTE_DESCRIPTIONS) as Route[]) {
    const [method = '', path = ''] = route.split(' ');
    const key = openApiPath(path);
    paths[key] = { ...paths[key], [method.toLowerCase()]: openApiOperation(route, method, path) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'keystone-propagator',
      version: '1',
      description: 'Carries account changes of Keystone to every service of OpenStack.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths,
    components: {
      schemas: { Error: jsonSchema(ErrorAnswer) },
      securitySchemes: {
        keystone: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
        token: { type: 'http', scheme: 'bearer' },
      },
    },
  };
}

/** Serves the document without authentication, because it is the same for every installation. */
export function openApiRoutes(app: Hono): void {
  let document: Json | undefined;
  app.get('/v1/openapi.json', (context) => {
    document ??= openApiDocument();
    return context.json(document);
  });
}

/**
 * Converts a path of Hono to OpenAPI: `/v1/tasks/:id{.+}/report` becomes `/v1/tasks/{id}/report`.
 */
export const openApiPath = (path: string): string => path.replace(/:(\w+)(\{[^}]*\})?/g, '{$1}');

function openApiOperation(route: Route, method: string, path: string): Json {
  const { summary, query, body, answers, isStream } = ROUTE_DESCRIPTIONS[route];
  const routeAccess = ROUTE_ACCESS[route];
  const pathParameterNames = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  const pathParameters = pathParameterNames.map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const parameters = [...pathParameters, ...(query ? queryParameters(query) : [])];
  return {
    operationId: openApiOperationId(method, path),
    summary,
    description:
      routeAccess === 'public' ? 'Needs no authentication.' : `Minimum level: ${routeAccess}.`,
    ...(routeAccess === 'public' ? { security: [] } : { security: securityOf(method) }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: requestBodyOf(path, body) } : {}),
    responses: { ...responsesOf(method, answers), ...(isStream ? STREAM_CONTENT : {}) },
  };
}

function requestBodyOf(path: string, body: z.ZodType): Json {
  const mediaTypes =
    path === '/v1/notifications' ? ['application/json', ...JSON_LINES_TYPES] : ['application/json'];
  return {
    required: true,
    content: Object.fromEntries(
      mediaTypes.map((type) => [
        type,
        { schema: type === 'application/json' ? jsonSchema(body) : { type: 'string' } },
      ]),
    ),
  };
}

const STREAM_CONTENT: Json = {
  200: {
    description: 'Events, each with the whole state.',
    content: { 'text/event-stream': { schema: { type: 'string' } } },
  },
  406: {
    description: 'This installation has no streams.',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  },
};

/** The empty object permits a read without a token, as with `PROPAGATOR_API_AUTH=token`. */
const securityOf = (method: string): Json[] =>
  method === 'GET' ? [{ keystone: [] }, {}] : [{ keystone: [] }, { token: [] }];

function responsesOf(method: string, answers: RouteDescription['answers']): Json {
  const errors = Object.entries(ERROR_TEXTS)
    .filter(([status]) => method !== 'GET' || !STATUSES_OF_CHANGES.includes(Number(status)))
    .map(([status, description]) => [
      status,
      {
        description,
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    ]);
  const successes = Object.entries(answers).map(([status, shape]) => [
    status,
    {
      description: Number(status) < 400 ? 'Success.' : 'The answer with the problem.',
      content: { 'application/json': { schema: jsonSchema(shape) } },
    },
  ]);
  return Object.fromEntries([...errors, ...successes]);
}

const QueryParameters = z.object({
  properties: z.record(z.string(), z.unknown()).default({}),
  required: z.array(z.string()).default([]),
});

function queryParameters(query: z.ZodObject): Json[] {
  const { properties, required } = QueryParameters.parse(jsonSchema(query));
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

/** The JSON Schema of an input. A field that a caller must omit has the schema `not: {}`. */
function jsonSchema(shape: z.ZodType): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: generated }) => {
      if (zodSchema._zod.def.type === 'undefined') generated.not = {};
    },
  });
  return schema;
}

/** Returns the OpenAPI id of a route: `GET /v1/operations/:id` becomes `getOperationsId`. */
const openApiOperationId = (method: string, path: string): string =>
  method.toLowerCase() +
  openApiPath(path)
    .replace(/^\/v1/, '')
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

import { inspect } from 'node:util';
import * as z from 'zod';
import type { CallRecord } from '../../../lib/openstack/connect.ts';
import { SECRET_PART, TEXTS_WITH_SECRET } from '../shared/secrets.ts';
import { PASSWORD, type ScriptedCloud, sendJson, startScriptedCloud } from './scripted-cloud.ts';

let cloud: ScriptedCloud;
beforeEach(async () => {
  cloud = await startScriptedCloud();
});
afterEach(() => cloud.close());

/**
 * Returns every text of a value that can be printed, including properties that are not enumerable,
 * the chains of causes and prototypes, maps and symbols.
 */
function everythingOf(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (seen.has(value)) return '';
  seen.add(value);
  const own = Reflect.ownKeys(value).map(
    (key) => `${String(key)}=${everythingOf(Reflect.get(value, key), seen)}`,
  );
  return [
    String(value),
    inspect(value, { depth: 20, showHidden: true }),
    JSON.stringify(value),
    ...own,
  ].join('\n');
}

const CASES: Record<string, (cloud: ScriptedCloud) => void> = {
  'a service that repeats the token in its error': (c) => {
    c.script = (request, response) =>
      sendJson(response, 500, {
        error: { message: `bad token ${request.headers['x-auth-token']}` },
      });
  },
  'a service that repeats the token in HTML': (c) => {
    c.script = (request, response) =>
      response
        .writeHead(403)
        .end(`<body>token &quot;${request.headers['x-auth-token']}&quot;</body>`);
  },
  'a redirect that carries the token': (c) => {
    c.script = (request, response) =>
      response
        .writeHead(302, { location: `http://127.0.0.1/?t=${request.headers['x-auth-token']}` })
        .end();
  },
  'broken JSON with the token in it': (c) => {
    c.script = (request, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(`{"${request.headers['x-auth-token']}`);
  },
  'a listing with the token in a wrong row': (c) => {
    c.script = (request, response) =>
      sendJson(response, 200, { ports: [{ id: [request.headers['x-auth-token']] }] });
  },
  'a reset': (c) => {
    c.script = (_request, response) => response.socket?.resetAndDestroy();
  },
  'an answer that is no HTTP and holds the token': (c) => {
    c.script = (request, response) =>
      response.socket?.end(`HTTP/9.9 ${request.headers['x-auth-token']}\r\n\r\n`);
  },
  'a service that refuses the token': (c) => {
    c.script = (request, response) =>
      sendJson(response, 401, { error: { message: `no ${request.headers['x-auth-token']}` } });
  },
  'a login that is refused and says the password': (c) => {
    c.answerLogin = (request, response) =>
      sendJson(response, 401, { error: { code: 401, message: request.body } });
  },
  'a login that is a broken answer with the token in it': (c) => {
    c.answerLogin = (_request, response) =>
      response.socket?.end(
        'HTTP/1.1 201 Created\r\nX-Subject-Token: gAAAA-secret-token-1\r\nContent-Length: nonsense\r\n\r\n',
      );
  },
  'a login that is cut after the token': (c) => {
    c.answerLogin = (_request, response) => {
      response.writeHead(201, {
        'x-subject-token': 'gAAAA-secret-token-1',
        'content-length': '900',
      });
      response.write('{"token": {', () => response.socket?.destroy());
    };
  },
  'a login whose answer is not as documented': (c) => {
    c.answerLogin = (request, response) =>
      sendJson(
        response,
        201,
        { token: request.body },
        { 'x-subject-token': 'gAAAA-secret-token-1' },
      );
  },
};

/**
 * Secrets of others: for example another user's password in an error that repeats a request.
 */
for (const [what, text] of Object.entries(TEXTS_WITH_SECRET)) {
  CASES[`a service that repeats ${what} in its error`] = (c) => {
    c.script = (_request, response) =>
      sendJson(response, 400, { badRequest: { message: text, code: 400 } });
  };
  CASES[`a proxy that says ${what} in HTML`] = (c) => {
    c.script = (_request, response) =>
      response
        .writeHead(502)
        .end(`<html><body><p>${text.replaceAll('"', '&quot;')}</p></body></html>`);
  };
}

CASES['a long error that is cut off in the middle of a password'] = (c) => {
  c.script = (_request, response) =>
    sendJson(response, 400, {
      badRequest: {
        message: `${'x '.repeat(136)}amqp://nova:${SECRET_PART}${'y'.repeat(30)}@rabbit`,
      },
    });
};

it.each(Object.entries(CASES))(
  '%s: no part of the error has the token or the password',
  async (_name, misbehave) => {
    misbehave(cloud);
    const calls: CallRecord[] = [];
    const error = await cloud
      .network({ onCall: (call) => calls.push(call) })
      .then((network) =>
        network.list('/v2.0/ports', {
          collection: 'ports',
          row: z.object({ id: z.string() }),
          paging: 'marker',
        }),
      )
      .catch((thrown: unknown) => thrown);
    const text = everythingOf(error) + JSON.stringify(calls);
    expect(text).toContain('PropagatorError');
    expect(text).not.toContain('secret-token');
    expect(text).not.toContain(PASSWORD);
    expect(text).not.toContain(SECRET_PART);
  },
);

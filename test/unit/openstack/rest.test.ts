import { ServiceName } from '../../../events/ids.ts';
import type { CallRecord } from '../../../lib/openstack/connect.ts';
import {
  failureOf,
  NETWORK,
  OWN_PROJECT,
  type ScriptedCloud,
  sendJson,
  startScriptedCloud,
} from './scripted-cloud.ts';

let cloud: ScriptedCloud;

beforeEach(async () => {
  cloud = await startScriptedCloud();
});
afterEach(() => cloud.close());

const calls = () => cloud.requests.filter((request) => !request.path.startsWith('/identity'));

describe('a call', () => {
  it('sends token, user agent and JSON, and returns JSON, headers and the request id', async () => {
    cloud.script = (_request, response) =>
      sendJson(response, 202, { id: 1 }, { 'x-openstack-request-id': 'req-7', 'x-mark': 'yes' });
    const api = await cloud.network({ userAgent: 'sweeper/1' });
    const answer = await api.request('POST', '/v2.0/networks', {
      json: { network: {} },
      query: { a: 'ü&=', b: undefined, c: true },
    });
    expect(answer).toMatchObject({ status: 202, json: { id: 1 }, requestId: 'req-7' });
    expect(answer.headers.get('X-Mark')).toBe('yes');
    expect(calls()[0]).toMatchObject({
      method: 'POST',
      url: '/network/v2.0/networks?a=%C3%BC%26%3D&c=true',
      body: '{"network":{}}',
    });
    expect(calls()[0]?.headers).toMatchObject({
      'x-auth-token': cloud.tokens[0],
      'user-agent': 'sweeper/1',
      'content-type': 'application/json',
      accept: 'application/json',
    });
  });

  it.each(['..', '.', 'a/../b', 'a/', '/a', 'a//b', 'a/.', '%2e%2e/a/'])(
    'rejects an id that a server may read as another path: %s',
    async (id) => {
      cloud.script = (_request, response) => response.writeHead(204).end();
      const api = await cloud.network();
      await expect(
        api.request('DELETE', `/v2.0/quotas/${encodeURIComponent(id)}`),
      ).rejects.toMatchObject({ report: { class: 'Unsupported', code: 'neutron.id.hidden' } });
      expect(calls()).toEqual([]);
    },
  );

  it.each(['a b', 'a%2Fb', 'ü', '...', '..a', '-x', 'a?b#c', `'"`, 'a@b.c', 'a/b'])(
    'encodes every other id: %s',
    async (id) => {
      cloud.script = (_request, response) => response.writeHead(204).end();
      const api = await cloud.network();
      await api.request('DELETE', `/v2.0/quotas/${encodeURIComponent(id)}`, {
        query: { project_id: id },
      });
      const url = new URL(calls()[0]?.url ?? '', 'http://x');
      expect(decodeURIComponent(url.pathname.split('/').at(-1) ?? '')).toBe(id);
      expect(url.pathname.split('/')).toHaveLength(5);
      expect(url.searchParams.get('project_id')).toBe(id);
    },
  );

  it.each([' a', 'a ', 'Łódź', 'é', 'a\nX-Other: b'])(
    'rejects a header that would arrive as another text: %j',
    async (id) => {
      cloud.script = (_request, response) => response.writeHead(204).end();
      const api = await cloud.network();
      await expect(
        api.request('DELETE', '/v2.0/quotas', { headers: { 'x-auth-sudo-project-id': id } }),
      ).rejects.toMatchObject({ report: { class: 'Unsupported', code: 'neutron.id.hidden' } });
      expect(calls()).toEqual([]);
    },
  );

  it("sends a path unchanged, so that an object named '..' is not read as its container", async () => {
    cloud.script = (_request, response) => response.writeHead(204).end();
    const swift = await cloud
      .connect()
      .api(
        { ...NETWORK, name: ServiceName.parse('swift'), catalogTypes: ['object-store'] },
        'RegionOne',
      );
    await swift?.request('DELETE', '/box/..');
    await swift?.request('DELETE', `/box/${encodeURIComponent('a/../b ü%?')}`);
    expect(calls().map((request) => request.url)).toEqual([
      `/v1/AUTH_${OWN_PROJECT}/box/..`,
      `/v1/AUTH_${OWN_PROJECT}/box/a%2F..%2Fb%20%C3%BC%25%3F`,
    ]);
  });

  it('uses the account of another project if requested, but never another host', async () => {
    cloud.script = (_request, response) => response.writeHead(204).end();
    const swift = await cloud
      .connect()
      .api({ ...NETWORK, catalogTypes: ['object-store'] }, 'RegionOne');
    if (!swift) throw new Error('no swift');
    await swift.request('HEAD', '', {
      endpoint: swift.endpoint.replace(swift.ownProject, 'other'),
    });
    expect(calls()[0]).toMatchObject({ method: 'HEAD', url: '/v1/AUTH_other' });
    await expect(
      swift.request('GET', '/', { endpoint: 'http://127.0.0.1:1/v1/AUTH_other' }),
    ).rejects.toThrow('must not go to');
  });

  it.each(['/network', '/network/', '/network/v2.0', '/network/v2.0/', '/v2.0'])(
    'calls the same ports when the catalog has Neutron as %s',
    async (path) => {
      cloud.script = (_request, response) => sendJson(response, 200, { ports: [] });
      const api = await cloud.network();
      await api.request('GET', '/v2.0/ports', { endpoint: `${cloud.origin}${path}` });
      expect(calls()[0]?.url).toBe(`${path.replace(/\/?(v2\.0)?\/?$/, '')}/v2.0/ports`);
    },
  );

  it('runs at most as many at a time as the service allows, and the settings take precedence', async () => {
    let open = 0;
    let most = 0;
    cloud.script = async (_request, response) => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 5));
      open -= 1;
      sendJson(response, 200, {});
    };
    const api = await cloud.network();
    await Promise.all(Array.from({ length: 30 }, () => api.request('GET', '/v2.0/ports')));
    expect(most).toBe(4);
    most = 0;
    const slow = await cloud.network({ concurrency: { neutron: 2 } });
    await Promise.all(Array.from({ length: 10 }, () => slow.request('GET', '/v2.0/ports')));
    expect(most).toBe(2);
  });

  it("uses the caller's headers instead of its own, except for the token", async () => {
    cloud.script = (_request, response) => response.writeHead(204).end();
    const headers = {
      Accept: 'text/plain',
      'X-Auth-Token': 'stolen',
      'Content-Type': 'text/plain',
    };
    await (await cloud.network()).request('POST', '/?bulk-delete', { headers, body: 'box/a%20b' });
    expect(calls()[0]).toMatchObject({ url: '/network/?bulk-delete', body: 'box/a%20b' });
    expect(calls()[0]?.headers).toMatchObject({
      accept: 'text/plain',
      'content-type': 'text/plain',
      'x-auth-token': cloud.tokens[0],
    });
  });

  it("is counted in Swift without the customer's names", async () => {
    cloud.script = (_request, response) => response.writeHead(204).end();
    const seen: CallRecord[] = [];
    const SWIFT = { ...NETWORK, name: ServiceName.parse('swift'), catalogTypes: ['object-store'] };
    const swift = await cloud
      .connect({ onCall: (call) => seen.push(call) })
      .api(SWIFT, 'RegionOne');
    await swift?.request('DELETE', '/payroll/june');
    expect(seen.map((call) => call.path)).toEqual(['/{id}/{id}']);
  });

  it('is counted without ids and names', async () => {
    cloud.script = (_request, response) => response.writeHead(204).end();
    const seen: CallRecord[] = [];
    const api = await cloud.network({ onCall: (call) => seen.push(call) });
    await api.request('DELETE', '/v2.0/ports/0a1b2c3d-0000-4000-8000-000000000000?x=1');
    await api.request('GET', '/v2.0/qos/policies/77/bandwidth_limit_rules');
    await api.request(
      'GET',
      '/stacks/payroll/0a1b2c3d-0000-4000-8000-000000000000/resources/june/metadata',
    );
    expect(
      seen.map(({ service, region, method, path, status }) => [
        service,
        region,
        method,
        path,
        status,
      ]),
    ).toEqual([
      ['neutron', 'RegionOne', 'DELETE', '/v2.0/ports/{id}', 204],
      ['neutron', 'RegionOne', 'GET', '/v2.0/qos/policies/{id}/bandwidth_limit_rules', 204],
      ['neutron', 'RegionOne', 'GET', '/stacks/{id}/{id}/resources/{id}/metadata', 204],
    ]);
    expect(seen.every((call) => call.millis >= 0)).toBe(true);
  });
});

describe('a status', () => {
  it.each([
    [404, 'Gone'],
    [410, 'Gone'],
    [401, 'Denied'],
    [403, 'Denied'],
    [405, 'Unsupported'],
    [501, 'Unsupported'],
    [409, 'Transient'],
    [429, 'Transient'],
    [500, 'Transient'],
    [502, 'Transient'],
    [503, 'Transient'],
    [504, 'Transient'],
    [400, 'Unexpected'],
    [413, 'Unexpected'],
    [300, 'Unexpected'],
  ])('%i is class %s, with code, service, region and request id', async (status, expected) => {
    cloud.script = (_request, response) =>
      sendJson(response, status, {}, { 'x-openstack-request-id': 'req-9' });
    const report = await failureOf((await cloud.network()).request('POST', '/v2.0/ports'));
    expect(report).toMatchObject({
      code: `neutron.http.${status}`,
      class: expected,
      service: 'neutron',
      region: 'RegionOne',
      requestId: 'req-9',
      status,
    });
    expect(report.advice).not.toBe('');
  });

  it('is returned if the caller accepts it', async () => {
    cloud.script = (_request, response) => sendJson(response, 404, { no: 1 });
    expect(
      await (await cloud.network()).request('GET', '/v2.0/quotas/1', { accept: [404] }),
    ).toMatchObject({
      status: 404,
      json: { no: 1 },
    });
  });

  it('is not followed if it is a redirect, because the token would be sent along', async () => {
    cloud.script = (_request, response) =>
      response.writeHead(302, { location: `${cloud.origin}/elsewhere?secret=1` }).end();
    const report = await failureOf((await cloud.network()).request('GET', '/v2.0/ports'));
    expect(report.message).toBe(
      `neutron answered 302 to GET /v2.0/ports (redirect to ${cloud.origin})`,
    );
    expect(calls()).toHaveLength(1);
  });
});

describe('the error message of the service', () => {
  const messageOf = async (body: string, type = 'application/json') => {
    cloud.script = (_request, response) =>
      response.writeHead(400, { 'content-type': type }).end(body);
    const { message } = await failureOf((await cloud.network()).request('GET', '/v2.0/ports'));
    return message.replace('neutron answered 400 to GET /v2.0/ports', '').replace(/^: /, '');
  };
  it.each([
    [
      'nova',
      '{"itemNotFound": {"code": 404, "message": "Instance x could not be found."}}',
      'Instance x could not be found.',
    ],
    [
      'cinder',
      '{"badRequest": {"message": "Invalid volume: it is attached.", "code": 400}}',
      'Invalid volume: it is attached.',
    ],
    [
      'neutron',
      '{"NeutronError": {"type": "PortInUse", "message": "Port p is in use.", "detail": ""}}',
      'Port p is in use.',
    ],
    [
      'neutron with detail',
      '{"NeutronError": {"type": "X", "message": "No.", "detail": "Because."}}',
      'No. Because.',
    ],
    ['an old neutron', '{"NeutronError": "Something went wrong"}', 'Something went wrong'],
    [
      'keystone and heat',
      '{"error": {"code": 404, "message": "Could not find project: x.", "title": "Not Found"}}',
      'Could not find project: x.',
    ],
    [
      'webob',
      '{"message": "The resource could not be found.<br /><br />\\n\\n\\n", "code": "404", "title": "Not Found"}',
      'The resource could not be found.',
    ],
    [
      'placement and magnum',
      '{"errors": [{"status": 404, "title": "Not Found", "detail": "No such resource"}]}',
      'No such resource',
    ],
    [
      'octavia',
      '{"faultcode": "Client", "faultstring": "Load balancer is immutable", "debuginfo": null}',
      'Load balancer is immutable',
    ],
    [
      'barbican',
      '{"code": 404, "title": "Not Found", "description": "Secret not found."}',
      'Secret not found.',
    ],
    [
      'ironic',
      '{"error_message": "{\\"faultcode\\": \\"Client\\", \\"faultstring\\": \\"Node is locked\\"}"}',
      'Node is locked',
    ],
    [
      'aodh',
      '{"error_message": {"faultcode": "Client", "faultstring": "Alarm x not found"}}',
      'Alarm x not found',
    ],
    ['aodh without a reason', '{"error_message": "Unauthorized"}', 'Unauthorized'],
    [
      'gnocchi',
      '{"code": 400, "description": {"cause": "Invalid input", "reason": "not a UUID", "detail": []}}',
      'Invalid input: not a UUID',
    ],
    [
      'tacker',
      '{"title": "Conflict", "status": 409, "detail": "Transitions to FAIL are not allowed"}',
      'Transitions to FAIL are not allowed',
    ],
    ['an unknown shape', '{"code": 5, "list": [1, 2]}', ''],
    ['broken JSON', '{"error": {"message": "half', '{"error": {"message": "half'],
    ['nothing', '', ''],
  ])('is found in the JSON of %s', async (_of, body, expected) => {
    expect(await messageOf(body)).toBe(expected);
  });

  it('is found in HTML and in plain text, on one line of at most 300 characters', async () => {
    const html =
      '<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1>Image x is protected &amp; cannot be deleted.<br /><br />\n</body></html>';
    expect(await messageOf(html, 'text/html')).toBe('Image x is protected & cannot be deleted.');
    expect(await messageOf('two\nlines', 'text/plain')).toBe('two lines');
    const long = await messageOf(`{"error":{"message":"${'y'.repeat(5000)}"}}`);
    expect(long).toHaveLength(300);
  });

  it("has Swift's transaction id if there is no other", async () => {
    cloud.script = (_request, response) =>
      response
        .writeHead(409, { 'x-trans-id': 'tx12' })
        .end('<html><h1>Conflict</h1><p>There was a conflict.</p></html>');
    const report = await failureOf((await cloud.network()).request('DELETE', '/box'));
    expect(report).toMatchObject({
      requestId: 'tx12',
      message: 'neutron answered 409 to DELETE /box: There was a conflict.',
    });
  });
});

it('an answer with the type JSON and another content is incomplete', async () => {
  cloud.script = (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ports": [{"id"');
  expect(await failureOf((await cloud.network()).request('GET', '/v2.0/ports'))).toMatchObject({
    code: 'neutron.answer.broken',
    class: 'Transient',
  });
});

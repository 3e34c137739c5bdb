import { failureOf, type ScriptedCloud, sendJson, startScriptedCloud } from './scripted-cloud.ts';

let cloud: ScriptedCloud;
beforeEach(async () => {
  cloud = await startScriptedCloud();
});
afterEach(() => cloud.close());

const token = (more: object = {}) => ({
  token: {
    methods: ['password'],
    user: { id: 'u1', name: 'ann', domain: { id: 'default', name: 'Default' } },
    roles: [{ id: 'r1', name: 'reader' }],
    expires_at: '2026-11-29T12:00:00.000000Z',
    issued_at: '2026-11-29T11:00:00.000000Z',
    ...more,
  },
});
const project = { id: 'p1', name: 'admin', domain: { id: 'default', name: 'Default' } };

describe('the validation of a token of another user', () => {
  it.each([
    ['the system', { system: { all: true } }, { kind: 'system' }],
    ['a project', { project }, { kind: 'project', id: 'p1' }],
    ['a domain', { domain: { id: 'd1', name: 'D' } }, { kind: 'domain', id: 'd1' }],
    ['nothing', {}, { kind: 'none' }],
  ])('reads the user, the roles and the scope: %s', async (_, more, scope) => {
    cloud.script = (_request, response) => sendJson(response, 200, token(more));
    expect(await cloud.connect().validateToken('their-token')).toEqual({
      user: { id: 'u1', name: 'ann' },
      roles: ['reader'],
      scope,
      isDelegated: false,
      expiresAt: Date.UTC(2026, 10, 29, 12),
    });
  });

  it.each(['2026-11-29T12:00:00', '2026-11-29T12:00:00Z', '2026-11-29T13:00:00+01:00'])(
    'reads the expiry %s as UTC',
    async (expires_at) => {
      cloud.script = (_request, response) => sendJson(response, 200, token({ expires_at }));
      expect(await cloud.connect().validateToken('t')).toMatchObject({
        expiresAt: Date.UTC(2026, 10, 29, 12),
      });
    },
  );

  it("sends the token as the subject, and the propagator's own token as the caller", async () => {
    const sent: unknown[] = [];
    cloud.script = ({ method, path, headers }, response) => {
      sent.push([
        method,
        path,
        headers['x-subject-token'],
        headers['x-auth-token'] === 'their-token',
      ]);
      // Without this header Keystone refuses a token with access rules.
      sent.push(headers['openstack-identity-access-rules']);
      sendJson(response, 200, token());
    };
    await cloud.connect().validateToken('their-token');
    expect(sent).toEqual([['GET', '/identity/v3/auth/tokens', 'their-token', false], undefined]);
  });

  it.each([
    ['a trust', { 'OS-TRUST:trust': { id: 't1', impersonation: true } }],
    ['OAuth', { 'OS-OAUTH1': { access_token_id: 'a', consumer_id: 'c' } }],
  ])('marks a token of %s as delegated', async (_, more) => {
    cloud.script = (_request, response) => sendJson(response, 200, token({ project, ...more }));
    expect(await cloud.connect().validateToken('their-token')).toMatchObject({ isDelegated: true });
  });

  it("returns nothing for Keystone's own 404", async () => {
    cloud.script = (_request, response) =>
      sendJson(response, 404, {
        error: { code: 404, message: 'Could not find token: .', title: 'Not Found' },
      });
    expect(await cloud.connect().validateToken('forged')).toBeUndefined();
  });

  it.each([
    ['a 404 of another program', 404, { message: 'no route' }],
    ['an answer without a user', 200, { token: {} }],
    ['another scope of the system', 200, token({ system: { all: false } })],
    ['an empty object', 200, {}],
  ])('throws for %s', async (_, status, body) => {
    cloud.script = (_request, response) => sendJson(response, status, body);
    const error = await failureOf(cloud.connect().validateToken('t'));
    expect(error).toMatchObject({ code: 'keystone.answer.unexpected', service: 'keystone' });
  });

  it.each([403, 500, 503])('throws for status %i', async (status) => {
    cloud.script = (_request, response) => sendJson(response, status, {});
    const error = await failureOf(cloud.connect().validateToken('t'));
    expect(error.code).toBe(`keystone.http.${status}`);
  });
});

import * as z from 'zod';
import type { Token } from '../../../lib/openstack/authenticate.ts';
import type { Credentials } from '../../../lib/openstack/credentials.ts';
import { createMemberSession } from '../../../lib/openstack/member.ts';
import type { Session } from '../../../lib/openstack/session.ts';
import type { ServiceApi } from '../../../lib/task/service.ts';

type LoginOfCredential = Pick<Credentials, 'identity' | 'scope' | 'secret'>;
const token = (value: string, roles: readonly string[]): Token => ({
  value: () => value,
  project: { id: 'p', name: 'production', domainId: 'd' },
  user: { id: 'cleaner', domainId: 'default' },
  roles: roles.map((name) => ({ id: name, name })),
  catalog: [],
  requestedAt: 0,
  renewAt: 1,
  useUntil: 2,
});
const sessionOf = (one: Token): Session => ({
  token: async () => one,
  replaceToken: async () => one,
  tokenNotOlderThan: async () => one,
});

function setUp(roles: readonly string[]) {
  const posted: unknown[] = [];
  const openedLogins: LoginOfCredential[] = [];
  const answers: (Error | undefined)[] = [];
  const identity: ServiceApi = {
    service: 'keystone',
    region: '',
    endpoint: 'http://127.0.0.1/v3',
    ownProject: '',
    async request(method, path, options) {
      const refusal = answers.shift();
      if (refusal) throw refusal;
      posted.push({ method, path, json: options?.json });
      const json = { application_credential: { id: `id-${posted.length}`, secret: 's' } };
      return { status: 201, headers: new Headers(), json, requestId: undefined };
    },
    list: () => Promise.reject(new Error('not here')),
  };
  const open = (login: LoginOfCredential): Session => {
    openedLogins.push(login);
    return sessionOf(token(`member-${openedLogins.length}`, ['member']));
  };
  const session = createMemberSession(sessionOf(token('t', roles)), identity, open, () => 0);
  return { session, posted, openedLogins, answers };
}

describe('a session on a project with the role member alone', () => {
  it('logs in with one credential for many calls, which is restricted to that role and expires', async () => {
    const { session, posted, openedLogins } = setUp(['admin', 'member', 'reader']);
    const tokens = await Promise.all([session.token(), session.token(), session.token()]);
    expect(tokens.map(({ value }) => value())).toEqual(['member-1', 'member-1', 'member-1']);
    expect(posted).toEqual([
      {
        method: 'POST',
        path: '/v3/users/cleaner/application_credentials',
        json: {
          application_credential: {
            name: expect.stringMatching(/^keystone-propagator-member-/),
            description: expect.any(String),
            roles: [{ name: 'member' }],
            expires_at: '1970-01-01T01:00:00.000Z',
          },
        },
      },
    ]);
    expect(openedLogins).toHaveLength(1);
    expect(
      z.object({ methods: z.tuple([z.string()]) }).parse(openedLogins[0]?.identity()).methods,
    ).toEqual(['application_credential']);
    // The credential itself belongs to a project, so the login names no scope.
    expect(openedLogins[0]?.scope).toBeUndefined();
  });

  it('sends no request to Keystone if its own token does not have the role', async () => {
    const { session, posted } = setUp(['admin']);
    await expect(session.token()).rejects.toMatchObject({
      report: { code: 'keystone.login.member', class: 'Denied' },
    });
    expect(posted).toEqual([]);
  });

  it('creates one new credential for each refusal', async () => {
    const { session, posted } = setUp(['member']);
    const first = await session.token();
    const second = await session.replaceToken(first);
    expect(second.value()).toBe('member-2');
    expect((await session.replaceToken(first)).value()).toBe('member-2');
    expect(posted).toHaveLength(2);
  });

  it('retries after a refusal of Keystone', async () => {
    const { session, answers } = setUp(['member']);
    answers.push(new Error('403'));
    await expect(session.token()).rejects.toThrow('403');
    expect((await session.token()).value()).toBe('member-1');
  });
});

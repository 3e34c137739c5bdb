import { Asker } from './compare-ask.ts';
import { loginOf } from './login.ts';
import { at, openTestCloud, rows, type TestCloud } from './test-cloud.ts';

let testCloud: TestCloud;
beforeEach(async () => {
  testCloud = await openTestCloud();
});
afterEach(() => testCloud.close());

describe('the Keystone of the rehearsal cloud', () => {
  it('accepts an application credential or a password of the administrator', async () => {
    const { ask } = await Asker.login(loginOf(testCloud.cloud.applicationCredentials));
    expect(ask.own).toBe(testCloud.ask.own);
    expect((await ask('compute', 'GET', '/servers')).status).toBe(200);
  });

  it('refuses a wrong password and an invalid token', async () => {
    const identity = {
      methods: ['password'],
      password: { user: { id: testCloud.ask.user, password: 'wrong' } },
    };
    expect(
      await testCloud.status('identity', 'POST', '/auth/tokens', { json: { auth: { identity } } }),
    ).toBe(401);
    testCloud.cloud.expireTokens();
    for (const service of [
      'identity',
      'compute',
      'storage',
      'network',
      'image',
      'object',
      'placement',
    ])
      expect(await testCloud.status(service, 'GET', service === 'object' ? '' : '/x')).toBe(401);
  });

  it('expires a token', async () => {
    testCloud.clock.advance(14_399_000);
    expect(await testCloud.status('identity', 'GET', '/projects')).toBe(200);
    testCloud.clock.advance(1000);
    expect(await testCloud.status('identity', 'GET', '/projects')).toBe(401);
  });

  it('deletes only projects without children, and only disabled domains', async () => {
    const { ask, status, project, domain, cloud } = testCloud;
    const child = cloud.seed.makeProject(domain, 'child', project);
    expect(await status('identity', 'DELETE', `/projects/${project}`)).toBe(403);
    expect(
      await status('identity', 'PATCH', `/projects/${project}`, {
        json: { project: { enabled: false } },
      }),
    ).toBe(403);
    expect(await status('identity', 'DELETE', `/projects/${child}`)).toBe(204);
    expect(await status('identity', 'GET', `/projects/${child}`)).toBe(404);
    expect(await status('identity', 'DELETE', `/domains/${domain}`)).toBe(403);
    await ask('identity', 'PATCH', `/domains/${domain}`, { json: { domain: { enabled: false } } });
    expect(at((await ask('identity', 'GET', `/projects/${project}`)).json, 'project.enabled')).toBe(
      true,
    );
    expect(await status('identity', 'DELETE', `/domains/${domain}`)).toBe(204);
    expect(await status('identity', 'GET', `/projects/${project}`)).toBe(404);
  });

  it('keeps only the application credentials of a deleted project', async () => {
    const { ask, project, cloud } = testCloud;
    const { userId } = cloud.seed.fill(project, 'tiny');
    await ask('identity', 'DELETE', `/projects/${project}`);
    expect(
      cloud.store
        .resources(project)
        .filter(({ resourceType }) => resourceType.startsWith('keystone.'))
        .map(({ resourceType }) => resourceType),
    ).toEqual(['keystone.application-credential']);
    expect(
      rows(
        (await ask('identity', 'GET', `/users/${userId}/application_credentials`)).json,
        'application_credentials',
      ),
    ).toHaveLength(1);
    expect(
      (await ask('identity', 'GET', `/role_assignments?effective&scope.project.id=${project}`))
        .status,
    ).toBe(404);
    expect(
      rows(
        (await ask('identity', 'GET', `/role_assignments?scope.project.id=${project}`)).json,
        'role_assignments',
      ),
    ).toEqual([]);
  });

  it('lists group members as users of the project if effective roles are requested', async () => {
    const { ask, project, domain, cloud } = testCloud;
    const user = cloud.seed.makeUser(domain, 'in-a-group');
    cloud.seed.grant({ group: cloud.seed.makeGroup(domain, 'team', [user]) }, project);
    const { json } = await ask(
      'identity',
      'GET',
      `/role_assignments?effective&scope.project.id=${project}`,
    );
    expect(rows(json, 'role_assignments').some((row) => at(row, 'user.id') === user)).toBe(true);
  });
});

describe("Keystone's notifications", () => {
  /** Event type, id, and whether the initiator is named. */
  const received: string[] = [];
  beforeEach(() => {
    received.length = 0;
    testCloud.cloud.onNotification((notification) => {
      expect(notification['oslo.version']).toBe('2.0');
      const message: unknown = JSON.parse(notification['oslo.message']);
      received.push(
        `${at(message, 'event_type')} ${at(message, 'payload.resource_info')} ${at(message, 'payload.initiator') ? 'by someone' : 'by itself'}`,
      );
    });
  });

  it('are sent for a domain in the recorded order: child projects first, groups, credentials, users, the domain twice', async () => {
    const { ask, cloud, domain, project } = testCloud;
    const child = cloud.seed.makeProject(domain, 'child', project);
    const user = cloud.seed.makeUser(domain, 'u', child);
    const group = cloud.seed.makeGroup(domain, 'g', [user]);
    const credential = cloud.state.identity.applicationCredentials.add({
      id: 'ac1',
      name: 'ac',
      user_id: user,
      project_id: child,
      secret: 's',
      roles: [],
    });
    received.length = 0;
    await ask('identity', 'PATCH', `/domains/${domain}`, { json: { domain: { enabled: false } } });
    await ask('identity', 'DELETE', `/domains/${domain}`);
    expect(received).toEqual([
      `identity.project.updated ${domain} by someone`,
      `identity.domain.updated ${domain} by someone`,
      `identity.project.deleted ${child} by itself`,
      `identity.project.deleted ${project} by itself`,
      `identity.group.deleted ${group} by itself`,
      `identity.application_credential.deleted ${credential.id} by itself`,
      `identity.user.deleted ${user} by itself`,
      `identity.project.deleted ${domain} by someone`,
      `identity.domain.deleted ${domain} by someone`,
    ]);
  });

  it('have only the event updated, also when a project is disabled', async () => {
    await testCloud.ask('identity', 'PATCH', `/projects/${testCloud.project}`, {
      json: { project: { enabled: false } },
    });
    expect(received).toEqual([`identity.project.updated ${testCloud.project} by someone`]);
  });

  it('are not sent for refused calls', async () => {
    await testCloud.ask('identity', 'DELETE', `/domains/${testCloud.domain}`);
    expect(received).toEqual([]);
  });
});

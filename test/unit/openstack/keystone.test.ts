import { ProjectId } from '../../../events/ids.ts';
import { failureOf, type ScriptedCloud, sendJson, startScriptedCloud } from './scripted-cloud.ts';

let cloud: ScriptedCloud;
beforeEach(async () => {
  cloud = await startScriptedCloud();
});
afterEach(() => cloud.close());

const P = ProjectId.parse('4f00000000000000000000000000004f');
const project = (id: string, more: object = {}) => ({
  id,
  name: `name-${id}`,
  enabled: true,
  domain_id: 'd1',
  parent_id: 'd1',
  is_domain: false,
  ...more,
});
const user = (id: string, domain_id: string) => ({ id, name: id, enabled: true, domain_id });
/** `/v3/projects` and so on, by what follows `/identity/v3`. */
const answerWith = (answers: Record<string, unknown>) => {
  cloud.script = (request, response) => {
    const body =
      answers[request.url.replace('/identity/v3', '')] ??
      answers[request.path.replace('/identity/v3', '')];
    return body === undefined ? sendJson(response, 500, {}) : sendJson(response, 200, body);
  };
};
const notFoundBody = (message: string) => ({ error: { code: 404, message, title: 'Not Found' } });

describe('the existence of an account', () => {
  it('is read from Keystone', async () => {
    answerWith({ [`/projects/${P}`]: { project: project(P, { enabled: false, parent_id: 'q' }) } });
    expect(await cloud.connect().keystone.show('project', P)).toEqual({
      kind: 'present',
      account: {
        type: 'project',
        id: P,
        name: `name-${P}`,
        enabled: false,
        domainId: 'd1',
        parentId: 'q',
      },
    });
    answerWith({
      '/users/u1': { user: user('u1', 'd1') },
      '/domains/d1': { domain: { id: 'd1', name: 'D', enabled: true } },
    });
    const { keystone } = cloud.connect();
    expect(await keystone.show('user', 'u1')).toEqual({
      kind: 'present',
      account: { type: 'user', id: 'u1', name: 'u1', enabled: true, domainId: 'd1' },
    });
    expect(await keystone.show('domain', 'd1')).toEqual({
      kind: 'present',
      account: { type: 'domain', id: 'd1', name: 'D', enabled: true },
    });
  });

  it('is the same for a project that acts as a domain as for the domain', async () => {
    answerWith({
      '/projects/d1': {
        project: project('d1', { is_domain: true, domain_id: null, parent_id: null }),
      },
    });
    expect(await cloud.connect().keystone.show('project', 'd1')).toMatchObject({
      kind: 'present',
      account: { type: 'domain', id: 'd1' },
    });
  });

  it("is false only after Keystone's own 404, which contains the id", async () => {
    cloud.script = (_request, response) =>
      sendJson(response, 404, notFoundBody(`Could not find project: ${P}.`));
    expect(await cloud.connect().keystone.show('project', P)).toEqual({ kind: 'absent' });
  });

  it.each<[string, string, string]>([
    [
      'of a web server',
      'text/html',
      '<!doctype html><title>404 Not Found</title><h1>Not Found</h1>',
    ],
    [
      'of a proxy that speaks JSON',
      'application/json',
      '{"message":"no Route matched with those values"}',
    ],
    [
      'about another project',
      'application/json',
      JSON.stringify(notFoundBody('Could not find project: another.')),
    ],
    [
      'about a URL',
      'application/json',
      JSON.stringify(notFoundBody('The requested URL was not found on the server.')),
    ],
    ['without a body', 'application/json', ''],
  ])('is not known from a 404 %s', async (_whose, type, body) => {
    cloud.script = (_request, response) =>
      response
        .writeHead(404, { 'content-type': type, 'x-openstack-request-id': 'req-3' })
        .end(body);
    expect(await failureOf(cloud.connect().keystone.show('project', P))).toMatchObject({
      code: 'keystone.answer.unexpected',
      class: 'Unexpected',
      status: 404,
      requestId: 'req-3',
    });
  });

  it.each([
    [401, 'Denied'],
    [403, 'Denied'],
    [410, 'Gone'],
    [500, 'Transient'],
    [503, 'Transient'],
  ])('is unknown after a %i', async (status, expected) => {
    cloud.script = (_request, response) =>
      sendJson(response, status, notFoundBody(`Could not find project: ${P}.`));
    expect(await failureOf(cloud.connect().keystone.show('project', P))).toMatchObject({
      class: expected,
    });
  });

  it.each<[string, unknown]>([
    ['of another project', { project: project('ffff') }],
    ['without "enabled"', { project: { id: P, name: 'x' } }],
    ['of nothing', {}],
  ])('is not known from an answer %s', async (_what, body) => {
    answerWith({ [`/projects/${P}`]: body });
    expect(await failureOf(cloud.connect().keystone.show('project', P))).toMatchObject({
      class: 'Unexpected',
    });
  });
});

describe('the lists of Keystone', () => {
  it('contain the projects, without those that are domains', async () => {
    answerWith({
      '/projects': {
        projects: [project('a'), project('d9', { is_domain: true })],
        links: { next: null },
      },
    });
    expect((await cloud.connect().keystone.projects()).map((one) => [one.type, one.id])).toEqual([
      ['project', 'a'],
    ]);
  });

  it('are read over all pages if Keystone has paging (2025.1 and later)', async () => {
    answerWith({
      '/projects': {
        projects: [project('a')],
        truncated: true,
        links: { next: 'http://inner:5000/v3/projects?marker=a&limit=1' },
      },
      '/projects?marker=a': { projects: [project('b')], links: { next: null } },
    });
    expect((await cloud.connect().keystone.projects()).map((one) => one.id)).toEqual(['a', 'b']);
  });

  it('are an error if list_limit truncates them without a next page', async () => {
    answerWith({
      '/projects': { projects: [project('a')], truncated: true, links: { next: null } },
    });
    const report = await failureOf(cloud.connect().keystone.projects());
    expect(report).toMatchObject({ class: 'Unexpected' });
    expect(report.message).toContain('list_limit');
    expect(report.advice).toContain('Increase list_limit in the configuration file of keystone');
  });

  it('are read domain by domain for users if Keystone lists one domain only, as with a driver per domain', async () => {
    answerWith({
      '/users': { users: [user('u1', 'd1')] },
      '/domains': { domains: ['d1', 'd2'].map((id) => ({ id, name: id, enabled: true })) },
      '/users?domain_id=d1': { users: [user('u1', 'd1')] },
      '/users?domain_id=d2': { users: [user('u2', 'd2')] },
    });
    expect((await cloud.connect().keystone.users()).map((one) => one.id)).toEqual(['u1', 'u2']);
  });

  it('are returned page by page, each before the request for the next one', async () => {
    answerWith({
      '/projects': { projects: [project('a')], links: { next: '/v3/projects?marker=a' } },
      '/projects?marker=a': { projects: [project('b')], links: { next: null } },
    });
    const pages: [string[], number][] = [];
    const before = cloud.requests.length;
    const calls = () => cloud.requests.slice(before).filter(({ path }) => /projects$/.test(path));
    await cloud.connect().keystone.eachPage('project', async (page) => {
      pages.push([page.map(({ id }) => id), calls().length]);
    });
    expect(pages).toEqual([
      [['a'], 1],
      [['b'], 2],
    ]);
  });

  it('are never returned if a page is truncated by list_limit', async () => {
    answerWith({
      '/projects': { projects: [project('a')], truncated: true, links: { next: null } },
    });
    const pages: unknown[] = [];
    const report = await failureOf(
      cloud.connect().keystone.eachPage('project', async (page) => {
        pages.push(page);
      }),
    );
    expect(report.message).toContain('list_limit');
    expect(pages).toEqual([]);
  });

  it('are returned domain by domain for users if Keystone lists one domain only', async () => {
    answerWith({
      '/users': { users: [user('u1', 'd1'), user('jane.doe@example.org', 'd1')] },
      '/domains': { domains: ['d1', 'd2'].map((id) => ({ id, name: id, enabled: true })) },
      '/users?domain_id=d1': { users: [user('u1', 'd1')] },
      '/users?domain_id=d2': { users: [user('u2', 'd2')] },
    });
    const seen = new Set<string>();
    await cloud.connect().keystone.eachPage('user', async (page) => {
      for (const { id } of page) seen.add(id);
    });
    expect([...seen]).toEqual(['u1', 'jane.doe@example.org', 'u2']);
  });

  it('are returned once for users if Keystone lists several domains', async () => {
    answerWith({ '/users': { users: [user('u1', 'd1'), user('u2', 'd2')] } });
    const pages: string[][] = [];
    await cloud.connect().keystone.eachPage('user', async (page) => {
      pages.push(page.map(({ id }) => id));
    });
    expect(pages).toEqual([['u1', 'u2']]);
  });

  it('are returned in pages for domains, and omit projects that act as a domain', async () => {
    answerWith({
      '/domains': { domains: [{ id: 'd1', name: 'D', enabled: true }] },
      '/projects': { projects: [project('a'), project('d1', { is_domain: true })] },
    });
    const { keystone } = cloud.connect();
    for (const [type, expected] of [
      ['domain', [['d1']]],
      ['project', [['a']]],
    ] as const) {
      const pages: string[][] = [];
      await keystone.eachPage(type, async (page) => {
        pages.push(page.map(({ id }) => id));
      });
      expect(pages).toEqual(expected);
    }
  });

  it('contain the users of LDAP, whose ids may be any text', async () => {
    answerWith({
      '/users': { users: [user('u1', 'd1'), user('jane.doe@example.org', 'd2'), user('u3', 'd2')] },
    });
    expect((await cloud.connect().keystone.users()).map((one) => one.id)).toEqual([
      'u1',
      'jane.doe@example.org',
      'u3',
    ]);
  });

  it('contain each member of a project once, and no role on a domain or the system', async () => {
    const role_assignments = [
      { user: { id: 'u1' }, role: { id: 'r1' }, scope: { project: { id: P } } },
      {
        user: { id: 'u1' },
        role: { id: 'r2' },
        scope: { project: { id: P }, 'OS-INHERIT:inherited_to': 'projects' },
      },
      { user: { id: 'u2' }, role: { id: 'r1' }, scope: { domain: { id: 'd1' } } },
      { user: { id: 'u3' }, role: { id: 'r1' }, scope: { system: { all: true } } },
      { group: { id: 'g1' }, role: { id: 'r1' }, scope: { project: { id: P } } },
    ];
    answerWith({ '/role_assignments': { role_assignments } });
    expect(await cloud.connect().keystone.members(P)).toEqual([{ projectId: P, userId: 'u1' }]);
    const { query } = cloud.requests.at(-1) ?? {};
    expect(Object.fromEntries(query ?? [])).toEqual({ effective: 'true', 'scope.project.id': P });
  });

  it('contain the ids of the users of a group', async () => {
    answerWith({ '/groups/g1/users': { users: [user('u1', 'd1'), user('u2', 'd1')] } });
    expect(await cloud.connect().keystone.groupMembers('g1')).toEqual(['u1', 'u2']);
  });
});

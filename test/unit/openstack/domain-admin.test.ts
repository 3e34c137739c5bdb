import { DomainId } from '../../../events/ids.ts';
import { createDomainAdmin } from '../../../lib/openstack/domain-admin.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import type { ServiceApi } from '../../../lib/task/service.ts';

const DOMAIN = DomainId.parse('customer');
const IDP = '/v3/OS-FEDERATION/identity_providers';

/** A Keystone with the given rows by path. It no longer lists a row after the row was deleted. */
function keystone(answers: Readonly<Record<string, unknown>>, immutable = false) {
  const calls: string[] = [];
  let isDeleted = false;
  const rowsAt = (path: string) => {
    const rows = answers[path] ?? [];
    if (rows instanceof Error) throw rows;
    const left = rows as readonly { id: string }[];
    return { rows: left.filter(({ id }) => !calls.includes(`DELETE ${path}/${id}`)) };
  };
  const api = {
    service: 'keystone',
    list: async (path: string, { query = {} }: { query?: Record<string, unknown> } = {}) => {
      calls.push(`GET ${path}`);
      // Keystone 22 lists limits of domains only with a token on the system.
      if (path === '/v3/limits') return { rows: [] };
      expect(path.startsWith(`${IDP}/`) || query.domain_id === DOMAIN).toBe(true);
      return rowsAt(path);
    },
    request: async (method: string, path: string, { json }: { json?: object } = {}) => {
      calls.push(`${method} ${path}${json ? ` ${JSON.stringify(json)}` : ''}`);
      if (method === 'DELETE' && path.startsWith('/v3/domains/'))
        isDeleted = answers.isStillShown !== true;
      if (path.endsWith('/config'))
        return answers.config
          ? { status: 200, json: { config: answers.config } }
          : { status: 404, json: {} };
      if (isDeleted) return { status: 404, json: {} };
      return { status: 200, json: { domain: { id: DOMAIN, options: { immutable } } } };
    },
  } as unknown as ServiceApi;
  const system = {
    ...api,
    list: async (path: string, { query }: { query: Record<string, unknown> }) => {
      expect([path, query.domain_id]).toEqual(['/v3/limits', DOMAIN]);
      calls.push(`GET ${path}`);
      return rowsAt(path);
    },
  } as unknown as ServiceApi;
  return { admin: createDomainAdmin(api, system), calls };
}
const denied = new PropagatorError({
  code: 'keystone.http.403',
  class: 'Denied',
  message: 'not for you',
  advice: 'Ask.',
});

describe('the field enabled of a domain', () => {
  it.each([
    ['enable', true],
    ['disable', false],
  ] as const)('is the only field that %s changes', async (what, enabled) => {
    const { admin, calls } = keystone({});
    await admin[what](DOMAIN);
    expect(calls).toEqual([
      `PATCH /v3/domains/${DOMAIN} ${JSON.stringify({ domain: { enabled } })}`,
    ]);
  });
});

describe('the data of a domain in Keystone', () => {
  it('are listed for this domain only, with GET calls', async () => {
    const { admin, calls } = keystone({
      '/v3/users': [
        { id: 'u1', name: 'ann', domain_id: DOMAIN },
        { id: 'u2', name: 'bob', domain_id: 'other' },
      ],
      '/v3/groups': [{ id: 'g1', name: 'staff', domain_id: DOMAIN }],
      '/v3/roles': [
        { id: 'r1', name: 'keeper', domain_id: DOMAIN },
        { id: 'admin', name: 'admin', domain_id: null },
      ],
      [IDP]: [
        { id: 'idp', domain_id: DOMAIN },
        { id: 'foreign', domain_id: 'other' },
      ],
      [`${IDP}/idp/protocols`]: [{ id: 'openid', mapping_id: 'map' }],
      '/v3/limits': [
        { id: 'l1', resource_name: 'cores', domain_id: DOMAIN },
        { id: 'l2', resource_name: 'cores', domain_id: 'other' },
      ],
      config: { ldap: {} },
    });
    const { resources, check } = await admin.contents(DOMAIN);
    const listed = resources.map(({ resourceType, rows }) => [
      resourceType,
      rows.map(({ id }) => id),
    ]);
    expect(listed).toEqual([
      ['keystone.user', ['u1']],
      ['keystone.group', ['g1']],
      ['keystone.role', ['r1']],
      ['keystone.identity-provider', ['idp']],
      ['keystone.mapping', ['map']],
      ['keystone.limit', ['l1']],
      ['keystone.domain-config', ['ldap']],
    ]);
    expect(check.refusals).toEqual([]);
    expect(check.unknown).toEqual([]);
    expect(calls.every((call) => call.startsWith('GET '))).toBe(true);
  });

  it('include the types that Keystone does not list, and the reasons for a refused deletion', async () => {
    const { admin } = keystone({ '/v3/groups': denied }, true);
    const { check } = await admin.contents(DOMAIN);
    expect(check.unknown).toEqual([expect.stringMatching(/^groups of the domain.*not for you/)]);
    expect(check.refusals).toEqual([
      { message: expect.stringContaining('immutable'), advice: expect.stringContaining(DOMAIN) },
    ]);
  });
});

describe('the deletion of a domain', () => {
  it('is done when Keystone no longer shows the domain, and fails while it does', async () => {
    await expect(keystone({}).admin.delete(DOMAIN)).resolves.toEqual([]);
    await expect(keystone({ isStillShown: true }).admin.delete(DOMAIN)).rejects.toMatchObject({
      report: { code: 'keystone.domain.still-there', class: 'Transient' },
    });
  });

  it('first removes the roles and limits of the domain, and those of no other domain', async () => {
    const answers: Record<string, unknown> = {
      '/v3/roles': [
        { id: 'r1', name: 'keeper', domain_id: DOMAIN },
        { id: 'admin', name: 'admin', domain_id: null },
        { id: 'r2', name: 'keeper', domain_id: 'other' },
      ],
      '/v3/limits': [
        { id: 'l1', resource_name: 'cores', domain_id: DOMAIN },
        { id: 'l2', resource_name: 'cores', domain_id: 'other' },
      ],
    };
    const { admin, calls } = keystone(answers);
    await expect(admin.delete(DOMAIN)).resolves.toEqual([]);
    expect(calls.filter((call) => call.startsWith('DELETE '))).toEqual([
      'DELETE /v3/roles/r1',
      'DELETE /v3/limits/l1',
      `DELETE /v3/domains/${DOMAIN}`,
    ]);
  });

  it('is refused while Keystone lists data of the domain, and names the types that cannot be listed', async () => {
    const idp = [{ id: 'idp', domain_id: DOMAIN }];
    await expect(keystone({ [IDP]: idp }).admin.delete(DOMAIN)).rejects.toMatchObject({
      report: { code: 'keystone.contents.still-there', class: 'Transient' },
    });
    await expect(keystone({ '/v3/limits': denied }).admin.delete(DOMAIN)).resolves.toEqual([
      expect.stringMatching(/^limits of the domain.*not for you/),
    ]);
  });
});

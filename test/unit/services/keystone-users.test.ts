import { UserId } from '../../../events/ids.ts';
import { keystone } from '../../../lib/services/keystone.ts';
import type { UserProvisionContext } from '../../../lib/task/provision.ts';
import { provisionService } from '../../../lib/task/provision-run.ts';
import type { UserAssignments } from '../../../lib/task/service.ts';
import { type FakeCall, fakeApi } from './provision-api.ts';

const ANN = UserId.parse('a'.repeat(32));
const MEMBER = `/v3/projects/p1/users/${ANN}/roles/r1`;
const READER = `/v3/domains/d1/users/${ANN}/roles/r2`;
const STAFF = `/v3/groups/g1/users/${ANN}`;

/** A Keystone with two roles, a project, a domain and a group, and nothing assigned. */
function fixture(assigned: readonly string[] = []) {
  const assignedPaths = new Set(assigned);
  const lists: Readonly<Record<string, readonly object[]>> = {
    roles: [
      { id: 'r1', name: 'member' },
      { id: 'r2', name: 'reader' },
    ],
    projects: [{ id: 'p1', name: 'shop' }],
    domains: [{ id: 'd1', name: 'customers' }],
    groups: [
      { id: 'g1', name: 'staff' },
      { id: 'g2', name: 'double' },
      { id: 'g3', name: 'double' },
    ],
  };
  const { api, writes } = fakeApi('keystone', ({ method, path }: FakeCall) => {
    const [, , collection = '', id] = path.split('/');
    const rows = lists[collection];
    if (method === 'GET' && rows && id === undefined) return { [collection]: rows };
    if (method === 'GET') return rows?.some((row) => 'id' in row && row.id === id) ? {} : 404;
    if (method === 'PUT') assignedPaths.add(path);
    return assignedPaths.has(path) ? 204 : 404;
  });
  const run = (wish: Partial<UserAssignments>, phase: 'plan' | 'apply' = 'apply') =>
    provisionService<UserProvisionContext, UserAssignments>({
      service: 'keystone',
      provision: keystone.userProvision as NonNullable<typeof keystone.userProvision>,
      section: { roles: [], groups: [], ...wish },
      contextOf: (shared) => ({
        ...shared,
        region: 'one',
        api,
        projectApi: undefined,
        apiOf: async () => undefined,
        now: () => 1,
        user: ANN,
        userName: 'ann',
        userDomain: 'd1',
        projects: [],
      }),
      region: 'one',
      compareCommand: '',
      phase,
      reconcile: false,
      claims: { claim: async () => 0, release: async () => {}, clear: async () => {} },
      deadline: 2,
      now: () => 1,
      mayContinue: async () => true,
    });
  return { run, writes: () => writes().map(({ method, path }) => `${method} ${path}`) };
}

const WISH: UserAssignments = {
  roles: [
    { role: 'member', project: 'shop' },
    { role: 'r2', domain: 'customers' },
  ],
  groups: ['staff'],
};

describe('A new user in Keystone', () => {
  it('gets roles on projects and domains, and groups; names and ids are found', async () => {
    const { run, writes } = fixture();
    const report = await run(WISH);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(writes().sort()).toEqual([`PUT ${READER}`, `PUT ${STAFF}`, `PUT ${MEMBER}`]);
    expect(report.counts).toEqual({
      'keystone.role': { listed: 2, gone: 2, left: 0 },
      'keystone.group': { listed: 1, gone: 1, left: 0 },
    });
  });

  it('is not changed if everything is assigned, or in phase plan', async () => {
    const done = fixture([MEMBER, READER, STAFF]);
    expect((await done.run(WISH)).outcome).toEqual({ kind: 'finished' });
    expect(done.writes()).toEqual([]);
    const planned = fixture();
    const report = await planned.run(WISH, 'plan');
    expect(planned.writes()).toEqual([]);
    expect(report.counts['keystone.group' as never]).toEqual({ listed: 1, gone: 0, left: 1 });
  });

  it('gets the other roles and groups if the name of one does not exist or exists twice', async () => {
    const { run, writes } = fixture();
    const roles = [
      { role: 'no-such-role', project: 'shop' },
      { role: 'member', project: 'shop' },
    ];
    const report = await run({ roles, groups: ['double'] });
    expect(report.outcome.kind).toBe('again');
    expect(writes()).toEqual([`PUT ${MEMBER}`]);
    expect(report.conditions.map(({ message, advice, actor }) => [message, advice, actor])).toEqual(
      [
        [
          'there are 2 groups "double" in the domain of the user',
          'Write the id of one of these groups in the rule user.created of the policy.',
          'operator',
        ],
        [
          'there is no role "no-such-role"',
          'Create the role, or correct the name in the rule user.created of the policy.',
          'operator',
        ],
      ],
    );
  });
});

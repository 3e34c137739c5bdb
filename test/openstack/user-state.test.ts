import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { stringify } from 'yaml';
import { deleteQueue } from './broker.ts';
import { Cloud, rowsOf, text } from './cloud.ts';
import { describeView, isState, OPERATION_SECONDS, Propagator, type View } from './driver.ts';
import { newPrefix } from './populate.ts';

/**
 * A user is created, disabled and enabled in Keystone. The control user in the same projects is
 * never disabled.
 */
describe('a user for whom the policy has rules', () => {
  const prefix = newPrefix();
  const password = randomBytes(12).toString('base64url');
  const folder = mkdtempSync(`${tmpdir()}/propagator-policy-`);
  const propagator = new Propagator(`${prefix}-propagator`);
  let cloud: Cloud;
  let domain = '';
  let shop = '';
  let lab = '';
  let control = '';

  const create = async (path: string, key: string, body: object): Promise<string> =>
    text(
      (await cloud.admin.call('identity', 'POST', path, { json: { [key]: body } })).json,
      key,
      'id',
    );
  const users: string[] = [];
  const newUser = async (name: string): Promise<string> => {
    const body = { name: `${prefix}-${name}`, domain_id: domain, password };
    const id = await create('/users', 'user', body);
    users.push(id);
    return id;
  };
  const identity = () => cloud.admin.endpoint('identity');
  const tokenStatus = async (auth: object): Promise<number> => {
    const url = `${identity()}/auth/tokens`;
    const headers = { 'content-type': 'application/json' };
    return (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ auth }) })).status;
  };

  /**
   * Creates the credentials with which a program can act as the user: a trust for `trustee`,
   * credentials in both projects, a keypair. Returns a function that tries them in Keystone.
   */
  async function createKeys(user: string, trustee: string) {
    const inShop = await cloud.logInAs({ id: user, password }, shop);
    const inLab = await cloud.logInAs({ id: user, password }, lab);
    const path = `/users/${user}`;
    const programs: { id: string; secret: string }[] = [];
    for (const session of [inShop, inLab]) {
      const json = { application_credential: { name: `${prefix}-program-${session.projectId}` } };
      const made = await session.call('identity', 'POST', `${path}/application_credentials`, {
        json,
      });
      programs.push({
        id: text(made.json, 'application_credential', 'id'),
        secret: text(made.json, 'application_credential', 'secret'),
      });
    }
    const ec2 = await inShop.call('identity', 'POST', `${path}/credentials/OS-EC2`, {
      json: { tenant_id: shop },
    });
    const access = text(ec2.json, 'credential', 'access');
    const key = text(ec2.json, 'credential', 'secret');
    await inShop.call('compute', 'POST', '/os-keypairs', {
      json: { keypair: { name: `${prefix}-key` } },
    });
    const trust = {
      trustor_user_id: user,
      trustee_user_id: trustee,
      project_id: shop,
      impersonation: true,
      roles: [{ name: 'member' }],
    };
    await inShop.call('identity', 'POST', '/OS-TRUST/trusts', { json: { trust } });
    const host = '127.0.0.1:1';
    const params = { SignatureVersion: '2', SignatureMethod: 'HmacSHA256', AWSAccessKeyId: access };
    const query = Object.entries(params)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
      .join('&');
    const signature = createHmac('sha256', key)
      .update(`GET\n${host}\n/\n${query}`)
      .digest('base64');
    const signed = { access, host, verb: 'GET', path: '/', params, signature };
    const ec2Status = async (): Promise<number> => {
      const call = { json: { credentials: signed }, accept: [401, 403, 404] };
      return (await cloud.admin.call('identity', 'POST', '/ec2tokens', call)).status;
    };
    return async () => ({
      password: await tokenStatus({
        identity: { methods: ['password'], password: { user: { id: user, password } } },
      }),
      programs: await Promise.all(
        programs.map((application_credential) =>
          tokenStatus({
            identity: { methods: ['application_credential'], application_credential },
          }),
        ),
      ),
      ec2: await ec2Status(),
    });
  }
  /** The resources of a user in the services, read as an administrator. */
  async function holdingsOf(user: string) {
    const { admin } = cloud;
    const listings = [
      ['identity', `/role_assignments?user.id=${user}`, 'role_assignments'],
      ['identity', `/users/${user}/groups`, 'groups'],
      ['identity', `/users/${user}/application_credentials`, 'application_credentials'],
      ['identity', `/credentials?user_id=${user}`, 'credentials'],
      ['identity', `/OS-TRUST/trusts?trustor_user_id=${user}`, 'trusts'],
      ['compute', `/os-keypairs?user_id=${user}`, 'keypairs'],
    ] as const;
    const found = listings.map(async ([service, path, key]) => {
      const rows = await admin.rows(service, path, key);
      return [key, rows.map((row) => JSON.stringify(row)).toSorted()] as const;
    });
    const { json } = await admin.call('identity', 'GET', `/users/${user}`);
    return { user: json, ...Object.fromEntries(await Promise.all(found)) };
  }
  /** Names of the roles by project, and of the groups. */
  async function givenTo(user: string) {
    const path = `/role_assignments?include_names=true&user.id=${user}`;
    const assignments = await cloud.admin.rows('identity', path, 'role_assignments');
    const groups = await cloud.admin.rows('identity', `/users/${user}/groups`, 'groups');
    return [
      ...assignments.map(
        (row) => `${text(row, 'role', 'name')} on ${text(row, 'scope', 'project', 'name')}`,
      ),
      ...groups.map((row) => text(row, 'name')),
    ].toSorted();
  }
  const ended = (user: string, action: string): Promise<View> =>
    propagator.operation(
      { user },
      (view) => view.operation.action === action && isState('finished', 'observed')(view),
      OPERATION_SECONDS,
    );
  const messagesOf = ({ tasks }: View): string[] =>
    tasks.flatMap((task) => rowsOf(task, 'conditions').map((row) => text(row, 'message')));

  beforeAll(async () => {
    cloud = await Cloud.connect();
    domain = await create('/domains', 'domain', { name: prefix });
    const inDomain = { domain_id: domain };
    shop = await create('/projects', 'project', { name: `${prefix}-shop`, ...inDomain });
    lab = await create('/projects', 'project', { name: `${prefix}-lab`, ...inDomain });
    await create('/groups', 'group', { name: `${prefix}-staff`, ...inDomain });
    const created = {
      action: 'provision',
      mode: 'enforce',
      roles: [
        { role: 'member', project: shop },
        { role: 'reader', project: lab },
      ],
      groups: [`${prefix}-staff`],
    };
    const match = { domain: prefix, name: `${prefix}-*` };
    const policy = { version: 1, rules: [{ match, on: { 'user.created': created } }] };
    writeFileSync(`${folder}/policy.yaml`, stringify(policy));
    const domains = await cloud.admin.rows('identity', '/domains', 'domains');
    await propagator.start({
      mode: 'enforce',
      protectedDomains: domains.map((row) => text(row, 'id')).filter((id) => id !== domain),
      environment: { PROPAGATOR_POLICY: `${folder}/policy.yaml` },
    });
  });
  afterAll(async () => {
    await propagator.dispose();
    await deleteQueue(propagator.queue);
    rmSync(folder, { recursive: true, force: true });
    for (const user of users)
      await cloud.admin.call(
        'compute',
        'DELETE',
        `/os-keypairs/${encodeURIComponent(`${prefix}-key`)}?user_id=${user}`,
        { accept: [404] },
      );
    // Keystone deletes the projects and users with their domain.
    await cloud.admin.call('identity', 'PATCH', `/domains/${domain}`, {
      json: { domain: { enabled: false } },
    });
    await cloud.admin.call('identity', 'DELETE', `/domains/${domain}`);
  });

  it('gets roles and groups; its resources are reported while it is disabled; it works again after it is enabled', async () => {
    const ann = await newUser('ann');
    control = await newUser('bob');
    for (const user of [ann, control]) {
      expect((await ended(user, 'provision')).operation.state).toBe('finished');
      expect(await givenTo(user)).toEqual(
        [`member on ${prefix}-shop`, `reader on ${prefix}-lab`, `${prefix}-staff`].toSorted(),
      );
    }
    const ours = await createKeys(ann, control);
    const theirs = await createKeys(control, ann);
    const works = { password: 201, programs: [201, 201], ec2: 200 };
    expect([await ours(), await theirs()]).toEqual([works, works]);
    const before = [await holdingsOf(ann), await holdingsOf(control)];

    const set = (enabled: boolean) =>
      cloud.admin.call('identity', 'PATCH', `/users/${ann}`, { json: { user: { enabled } } });
    await set(false);
    const disabled = await ended(ann, 'suspend');
    console.log(describeView(disabled));
    expect(disabled.operation.state).toBe('observed');
    const messages = messagesOf(disabled);
    const trust = `${prefix}-bob acts with a trust of the user`;
    const program = 'programs that log in with an application credential of the user';
    for (const part of [
      `project ${shop}: ${trust}`,
      `project ${shop}: ${program}`,
      `project ${lab}: ${program}`,
      `project ${shop}: programs that sign with an EC2 credential`,
    ])
      expect(messages).toContainEqual(expect.stringContaining(part));
    expect(await ours()).toEqual({ password: 401, programs: [401, 401], ec2: 401 });
    expect(await theirs()).toEqual(works);
    expect(await holdingsOf(control)).toEqual(before[1]);

    await set(true);
    const enabled = await ended(ann, 'resume');
    console.log(describeView(enabled));
    expect(enabled.operation.state).toBe('observed');
    expect([await ours(), await theirs()]).toEqual([works, works]);
    expect([await holdingsOf(ann), await holdingsOf(control)]).toEqual(before);
    for (const project of [shop, lab]) expect(await propagator.operations({ project })).toEqual([]);
    const ofControl = await propagator.operations({ user: control });
    expect(ofControl.map(({ operation }) => operation.action)).toEqual(['provision']);
    expect(await propagator.deadLetters()).toEqual([]);
  });
});

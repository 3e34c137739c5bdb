import type { Ask } from './compare-ask.ts';

/** Nova and Placement: servers and their deletion, groups, quotas, key pairs, flavor access. */
export async function computeScript(ask: Ask): Promise<void> {
  const project = await ask.project('compute');
  const json = (name: string, value: unknown) => ({ json: { [name]: value } });
  await ask('compute', 'GET', '//');
  await ask('compute', 'GET', '/');
  const flavor = ask.id(
    await ask(
      'compute',
      'POST',
      '/flavors',
      json('flavor', {
        name: `fake-${Date.now()}`,
        ram: 64,
        vcpus: 1,
        disk: 0,
        'os-flavor-access:is_public': false,
      }),
    ),
  );
  const image = ask.id(
    await ask('image', 'POST', '/v2/images', {
      silent: true,
      json: { name: 'fake', disk_format: 'raw', container_format: 'bare' },
    }),
  );
  await ask('image', 'PUT', `/v2/images/${image}/file`, {
    silent: true,
    body: 'x',
    headers: { 'Content-Type': 'application/octet-stream' },
  });
  await ask(
    'compute',
    'POST',
    `/flavors/${flavor}/action`,
    json('addTenantAccess', { tenant: project }),
  );
  await ask(
    'compute',
    'POST',
    `/flavors/${flavor}/action`,
    json('addTenantAccess', { tenant: 'nope' }),
  );
  await ask('compute', 'GET', `/flavors/${flavor}/os-flavor-access`);

  const server = async (name: string): Promise<string> => {
    const made = await ask('compute', 'POST', '/servers', {
      as: project,
      ...json('server', { name, flavorRef: flavor, imageRef: image, networks: 'none' }),
    });
    const id = ask.id(made);
    await ask.until((answer) => !answer.text.includes('"BUILD"'), 'compute', `/servers/${id}`);
    return id;
  };
  const [first, second] = [await server('a'), await server('b')];
  const mine = `all_tenants=1&project_id=${project}`;
  await ask('compute', 'GET', `/servers/${first}`);
  await ask('compute', 'GET', `/servers/detail?${mine}&soft_deleted=true&limit=1`);
  await ask('compute', 'GET', `/servers/detail?${mine}&limit=1000`);
  await ask('compute', 'GET', `/servers/detail?project_id=${project}`);
  await ask('compute', 'GET', `/servers?${mine}`);
  await ask('compute', 'GET', `/servers/detail?${mine}&bogus=1`);
  await ask('compute', 'GET', `/servers/detail?${mine}&marker=nope`);
  await ask('compute', 'GET', `/servers/detail?${mine}&status=SOFT_DELETED`);
  await ask('compute', 'GET', '/servers/nope');
  await ask('compute', 'GET', '/servers', {
    headers: { 'OpenStack-API-Version': 'compute 2.999' },
  });
  await ask('compute', 'GET', '/servers', { headers: { 'X-Auth-Token': 'nonsense' } });
  await ask('compute', 'GET', '/os-nothing');
  await ask('compute', 'POST', `/servers/${first}/action`, json('lock', { locked_reason: 'x' }));
  await ask(
    'compute',
    'POST',
    `/servers/${second}/action`,
    json('os-resetState', { state: 'error' }),
  );
  await ask('compute', 'POST', `/servers/${second}/action`, json('os-start', null));
  await ask('compute', 'GET', `/servers/${second}/os-instance-actions`);
  await ask('compute', 'GET', `/servers/${first}/os-volume_attachments`);
  await ask('compute', 'GET', `/limits?tenant_id=${project}`);
  await ask('placement', 'GET', '/');
  await ask('placement', 'GET', `/usages?project_id=${project}`);
  await ask('placement', 'GET', `/usages?project_id=${project}`, {
    headers: { 'OpenStack-API-Version': 'placement 1.9' },
  });
  await ask('compute', 'DELETE', `/servers/${first}`);
  await ask('compute', 'POST', `/servers/${second}/action`, json('forceDelete', null));
  await ask.until((answer) => answer.status === 404, 'compute', `/servers/${first}`);
  await ask.until((answer) => answer.status === 404, 'compute', `/servers/${second}`);
  await ask('compute', 'GET', `/servers/${first}`);
  await ask('compute', 'DELETE', `/servers/${first}`);
  await ask('compute', 'POST', `/servers/${first}/action`, json('forceDelete', null));
  await ask('compute', 'GET', `/servers/detail?${mine}&soft_deleted=true`);
  await ask('placement', 'GET', `/usages?project_id=${project}`);

  const group = ask.id(
    await ask('compute', 'POST', '/os-server-groups', {
      as: project,
      ...json('server_group', { name: 'g', policy: 'affinity' }),
    }),
  );
  await ask('compute', 'GET', '/os-server-groups?all_projects=1&limit=1000');
  await ask('compute', 'GET', `/os-server-groups?all_projects=1&project_id=${project}`);
  await ask('compute', 'GET', '/os-server-groups?all_projects=1&limit=1&offset=100000');
  await ask('compute', 'DELETE', `/os-server-groups/${group}`);
  await ask('compute', 'DELETE', `/os-server-groups/${group}`);

  await ask('compute', 'GET', `/os-quota-sets/${project}`);
  await ask('compute', 'PUT', `/os-quota-sets/${project}`, json('quota_set', { cores: 7 }));
  await ask('compute', 'GET', '/os-quota-class-sets/default');
  await ask('compute', 'DELETE', `/os-quota-sets/${project}`);
  await ask('compute', 'GET', '/os-quota-sets/nope');
  await ask('compute', 'DELETE', '/os-quota-sets/nope');
  await ask('compute', 'POST', '/os-keypairs', {
    silent: true,
    ...json('keypair', { name: 'fake-compare', type: 'ssh', user_id: ask.user }),
  });
  await ask('compute', 'GET', `/os-keypairs?user_id=${ask.user}`);
  await ask('compute', 'DELETE', `/os-keypairs/fake-compare?user_id=${ask.user}`);
  await ask('compute', 'DELETE', `/os-keypairs/fake-compare?user_id=${ask.user}`);
  await ask('compute', 'GET', '/flavors?is_public=none&limit=1');
  await ask(
    'compute',
    'POST',
    `/flavors/${flavor}/action`,
    json('removeTenantAccess', { tenant: project }),
  );
  await ask(
    'compute',
    'POST',
    `/flavors/${flavor}/action`,
    json('removeTenantAccess', { tenant: project }),
  );
  await ask('compute', 'DELETE', `/flavors/${flavor}`);
  await ask('compute', 'GET', '/os-aggregates');
  await ask('image', 'DELETE', `/v2/images/${image}`, { silent: true });
}

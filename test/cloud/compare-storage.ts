import type { Ask } from './compare-ask.ts';

/**
 * Cinder: volumes and the obstacles to their deletion, groups, transfers, quotas, type access,
 * default types. Backups are not compared, because the lab runs no cinder-backup.
 */
export async function storageScript(ask: Ask): Promise<void> {
  const project = await ask.project('storage');
  const json = (name: string, value: unknown) => ({ json: { [name]: value } });
  const mine = `all_tenants=1&project_id=${project}`;
  const none = '00000000-0000-0000-0000-000000000000';
  const available = (id: string, resourceType = 'volumes') =>
    ask.until((answer) => answer.text.includes('"available"'), 'storage', `/${resourceType}/${id}`);
  const gone = (id: string, resourceType = 'volumes') =>
    ask.until(
      (answer) => answer.status === 404 || answer.text.includes('"deleted"'),
      'storage',
      `/${resourceType}/${id}`,
    );
  const volume = async (name: string): Promise<string> => {
    const id = ask.id(
      await ask('storage', 'POST', '/volumes', {
        as: project,
        ...json('volume', { size: 1, name }),
      }),
    );
    await available(id);
    return id;
  };
  const first = await volume('a');
  const second = await volume('b');
  await ask('storage', 'GET', `/volumes/${first}`);
  await ask('storage', 'GET', `/volumes/detail?${mine}&limit=1`);
  await ask('storage', 'GET', `/volumes?${mine}&with_count=true`);
  await ask('storage', 'GET', `/volumes?all_tenants=1&tenant_id=${project}`);
  await ask('storage', 'GET', '/volumes?all_tenants=banana');
  await ask('storage', 'GET', `/volumes?${mine}&marker=nope`);
  await ask('storage', 'GET', `/volumes/${none}`);
  await ask('storage', 'GET', `//v3/${project}/volumes`);
  await ask('storage', 'GET', '/nothing');
  await ask('storage', 'GET', '/volumes', { headers: { 'OpenStack-API-Version': 'volume 3.999' } });

  const snapshot = ask.id(
    await ask('storage', 'POST', '/snapshots', {
      as: project,
      ...json('snapshot', { volume_id: first, name: 's' }),
    }),
  );
  await available(snapshot, 'snapshots');
  await ask('storage', 'GET', `/snapshots/detail?${mine}&limit=1`);
  await ask('storage', 'DELETE', `/volumes/${first}`);
  await ask('storage', 'POST', `/volumes/${first}/action`, json('os-force_delete', {}));
  await ask('storage', 'DELETE', `/snapshots/${snapshot}`);
  await gone(snapshot, 'snapshots');
  await ask('storage', 'DELETE', `/snapshots/${snapshot}`);

  const transfer = ask.id(
    await ask('storage', 'POST', '/volume-transfers', {
      as: project,
      ...json('transfer', { volume_id: second, name: 't' }),
    }),
  );
  await ask('storage', 'GET', `/volume-transfers/detail?${mine}&limit=1`);
  await ask('storage', 'GET', `/volume-transfers/detail?project_id=${project}`);
  await ask('storage', 'DELETE', `/volumes/${second}`);
  await ask('storage', 'DELETE', `/volume-transfers/${transfer}`);
  await ask('storage', 'DELETE', `/volume-transfers/${transfer}`);
  await ask('storage', 'GET', `/volumes/${second}`);

  const types = await ask('storage', 'GET', '/types?is_public=true');
  const type = /"id": ?"([^"]+)", ?"name": ?"__DEFAULT__"/.exec(types.text)?.[1];
  const groupType = ask.id(
    await ask(
      'storage',
      'POST',
      '/group_types',
      json('group_type', { name: `fake-${Date.now()}` }),
    ),
  );
  const group = ask.id(
    await ask('storage', 'POST', '/groups', {
      as: project,
      ...json('group', { name: 'g', group_type: groupType, volume_types: [type] }),
    }),
  );
  await available(group, 'groups');
  await ask('storage', 'PUT', `/groups/${group}`, {
    as: project,
    ...json('group', { add_volumes: second }),
  });
  await ask.until(
    (answer) => answer.text.includes(second),
    'storage',
    `/groups/${group}?list_volume=true`,
  );
  await available(group, 'groups');
  await ask('storage', 'GET', `/groups/detail?${mine}&limit=1`);
  await ask('storage', 'GET', `/groups/detail?project_id=${project}`);
  await ask('storage', 'DELETE', `/volumes/${second}`);
  const together = ask.id(
    await ask('storage', 'POST', '/group_snapshots', {
      as: project,
      ...json('group_snapshot', { name: 'gs', group_id: group }),
    }),
  );
  await available(together, 'group_snapshots');
  await ask('storage', 'GET', `/group_snapshots/detail?${mine}&limit=1`);
  const member = /"id": ?"([^"]+)"/.exec(
    (await ask('storage', 'GET', `/snapshots/detail?${mine}`)).text,
  )?.[1];
  await ask('storage', 'DELETE', `/snapshots/${member}`);
  await ask(
    'storage',
    'POST',
    `/groups/${group}/action`,
    json('delete', { 'delete-volumes': true }),
  );
  await ask('storage', 'DELETE', `/group_snapshots/${together}`);
  await gone(together, 'group_snapshots');
  await ask(
    'storage',
    'POST',
    `/groups/${group}/action`,
    json('delete', { 'delete-volumes': false }),
  );
  await ask(
    'storage',
    'POST',
    `/groups/${group}/action`,
    json('delete', { 'delete-volumes': true }),
  );
  await gone(group, 'groups');
  await gone(second);
  await ask('storage', 'DELETE', `/group_types/${groupType}`);

  await ask('storage', 'POST', '/attachments', {
    as: project,
    silent: true,
    ...json('attachment', { volume_uuid: first, instance_uuid: none }),
  });
  await ask(
    'storage',
    'POST',
    `/volumes/${first}/action`,
    json('os-reset_status', { status: 'deleting' }),
  );
  await ask(
    'storage',
    'POST',
    `/volumes/${first}/action`,
    json('os-reset_status', { status: 'available', attach_status: 'detached' }),
  );
  await ask('storage', 'GET', `/attachments/detail?${mine}`);
  await ask('storage', 'DELETE', `/attachments/${none}`);
  await ask('storage', 'GET', `/backups/detail?${mine}`);
  await ask('storage', 'GET', `/backups/${none}`);

  await ask('storage', 'GET', `/os-quota-sets/${project}?usage=true`);
  await ask('storage', 'GET', '/os-quota-sets/nope?usage=true');
  await ask('storage', 'PUT', `/os-quota-sets/${project}`, json('quota_set', { volumes: 7 }));
  await ask('storage', 'DELETE', `/os-quota-sets/${project}`);
  await ask('storage', 'DELETE', '/os-quota-sets/nope');
  const secret = ask.id(
    await ask(
      'storage',
      'POST',
      '/types',
      json('volume_type', { name: `fake-${Date.now()}`, 'os-volume-type-access:is_public': false }),
    ),
  );
  await ask('storage', 'POST', `/types/${secret}/action`, json('addProjectAccess', { project }));
  await ask('storage', 'GET', `/types/${secret}/os-volume-type-access`);
  await ask('storage', 'GET', '/types?is_public=None');
  await ask('storage', 'POST', `/types/${secret}/action`, json('removeProjectAccess', { project }));
  await ask('storage', 'POST', `/types/${secret}/action`, json('removeProjectAccess', { project }));
  await ask('storage', 'DELETE', `/types/${secret}`);
  await ask(
    'storage',
    'PUT',
    `//v3/default-types/${project}`,
    json('default_type', { volume_type: '__DEFAULT__' }),
  );
  await ask('storage', 'GET', '//v3/default-types');
  await ask('storage', 'GET', '//v3/default-types/nope');
  await ask('storage', 'DELETE', '//v3/default-types/nope');
  await ask('storage', 'DELETE', `//v3/default-types/${project}`);
  await ask('storage', 'DELETE', `/volumes/${first}`);
  await gone(first);
  await ask('storage', 'GET', `/volumes/detail?${mine}`);
}

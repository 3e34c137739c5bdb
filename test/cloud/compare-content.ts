import type { Ask } from './compare-ask.ts';

/**
 * Glance and Swift: the rows that listings hide, protection, members, versions, bulk deletion, the
 * account itself.
 */
export async function contentScript(ask: Ask): Promise<void> {
  const project = await ask.project('content');
  await images(ask, project, await ask.project('member'));
  await objects(ask, project);
}

async function images(ask: Ask, owner: string, member: string): Promise<void> {
  const image = async (value: object): Promise<string> =>
    ask.id(
      await ask('image', 'POST', '/v2/images', {
        json: { name: 'i', disk_format: 'raw', container_format: 'bare', owner, ...value },
      }),
    );
  const plain = await image({});
  const kept = await image({ protected: true });
  const hidden = await image({ os_hidden: true });
  const community = await image({ visibility: 'community' });
  for (const query of [
    '',
    '&visibility=all',
    '&visibility=all&os_hidden=true',
    '&visibility=all&limit=2',
    '&visibility=bogus',
    '&bogus=1',
    '&marker=nope',
  ])
    await ask('image', 'GET', `/v2/images?owner=${owner}${query}`);
  await ask('image', 'GET', `/v2/images/${plain}`);
  await ask('image', 'POST', `/v2/images/${plain}/members`, { json: { member } });
  await ask('image', 'GET', `/v2/images/${plain}/members`);
  await ask('image', 'GET', `/v2/images/${community}/members`);
  await ask('image', 'DELETE', `/v2/images/${plain}/members/${member}`);
  await ask('image', 'DELETE', `/v2/images/${plain}/members/${member}`);
  await ask('image', 'DELETE', `/v2/images/${kept}`);
  const patch = [{ op: 'replace', path: '/protected', value: false }];
  await ask('image', 'PATCH', `/v2/images/${kept}`, { json: patch, silent: true });
  await ask('image', 'PATCH', `/v2/images/${kept}`, {
    json: patch,
    headers: { 'Content-Type': 'application/openstack-images-v2.1-json-patch' },
  });
  for (const id of [kept, plain, hidden, community])
    await ask('image', 'DELETE', `/v2/images/${id}`);
  await ask('image', 'DELETE', `/v2/images/${plain}`);
  await ask('image', 'GET', `/v2/images/${plain}`);
  await ask('image', 'GET', '/v2/nothing');
  const name = `fake::${owner}`;
  await ask('image', 'POST', '/v2/metadefs/namespaces', {
    json: { namespace: name, owner, visibility: 'private', protected: true },
  });
  await ask('image', 'GET', '/v2/metadefs/namespaces?limit=1');
  await ask('image', 'DELETE', `/v2/metadefs/namespaces/${name}`);
  await ask('image', 'PUT', `/v2/metadefs/namespaces/${name}`, {
    json: { namespace: name, owner, protected: false },
  });
  await ask('image', 'DELETE', `/v2/metadefs/namespaces/${name}`);
  await ask('image', 'DELETE', `/v2/metadefs/namespaces/${name}`);
  await ask('image', 'GET', '/v2/tasks?limit=1');
}

async function objects(ask: Ask, project: string): Promise<void> {
  const swift = (
    method: string,
    path: string,
    more: { headers?: Record<string, string>; body?: string; silent?: boolean } = {},
  ) => ask('object', method, path, { as: project, ...more });
  const bulk = { 'Content-Type': 'text/plain', Accept: 'application/json' };
  await ask('object', 'GET', '//info');
  for (const path of ['', '?format=json']) await swift('GET', path);
  await swift('HEAD', '');
  await swift('PUT', '/c');
  await swift('PUT', '/c');
  await swift('HEAD', '');
  await swift('PUT', `/c/${encodeURIComponent('a/b ü%?')}`, {
    body: 'hello',
    headers: { 'Content-Type': 'text/plain' },
  });
  await swift('PUT', '/c/z', { body: 'x' });
  for (const path of [
    '/c?format=json',
    '/c',
    '/c?format=json&limit=1',
    `/c?format=json&marker=${encodeURIComponent('a/b ü%?')}`,
    '/c?marker=zz',
    '/nope?format=json',
  ])
    await swift('GET', path);
  for (const path of ['/c', '/c/z', '/nope']) await swift('HEAD', path);
  for (const path of ['/c', '/c/nope', '/nope']) await swift('DELETE', path);
  await swift('GET', '', { headers: { 'X-Auth-Token': 'nonsense' } });

  await swift('PUT', '/v', { headers: { 'X-Versions-Enabled': 'true' } });
  await swift('PUT', '/v/o', { body: '1' });
  await swift('PUT', '/v/o', { body: '22' });
  await swift('HEAD', '/v');
  await swift('GET', '/v?versions&format=json');
  await swift('DELETE', '/v');
  await swift('DELETE', '/v/o');
  await swift('GET', '/v?format=json');
  const versions = await swift('GET', '/v?versions&format=json');
  await swift('POST', '/v', { headers: { 'X-Versions-Enabled': 'false' } });
  await swift('DELETE', '/v');
  for (const [, id] of versions.text.matchAll(/"version_id": ?"([^"]+)"/g))
    await swift('DELETE', `/v/o?version-id=${id}`);
  await swift('GET', '/v?versions&format=json');
  await swift('DELETE', '/v');
  await swift('POST', '?bulk-delete', {
    headers: bulk,
    body: `c/${encodeURIComponent('a/b ü%?')}\nc/nope\nc`,
  });
  await swift('POST', '?bulk-delete', { headers: bulk, body: '' });
  await swift('PUT', '/c/segment', { body: 'hello' });
  await swift('PUT', '/c/large?multipart-manifest=put', {
    body: JSON.stringify([{ path: '/c/segment' }]),
    silent: true,
  });
  await swift('DELETE', '/c/large?multipart-manifest=delete', {
    headers: { Accept: 'application/json' },
  });
  await swift('GET', '/c?format=json');
  await ask('object', 'GET', '//v1/AUTH_nope?format=json');
  await ask('object', 'DELETE', '//v1/AUTH_nope');
  const account = `//v1/AUTH_${project}`;
  await ask('object', 'DELETE', `${account}?x=1`);
  await ask('object', 'DELETE', account);
  await ask('object', 'HEAD', account);
  await ask('object', 'GET', `${account}?format=json`);
  await ask('object', 'GET', `${account}/c?format=json`);
  await ask('object', 'DELETE', account);
  await ask('object', 'PUT', `${account}/again`);
  await ask('object', 'POST', `${account}?bulk-delete`, { headers: bulk, body: 'c/x' });
}

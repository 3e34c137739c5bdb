import { prefixedName, type SeedProject } from './seed.ts';

/** A name that fails if any code forgets to escape it or escapes it twice. */
export const AWKWARD_NAME = 'a/b ü%?';

/** Creates containers and objects of every type that a Swift cluster may hold. */
export async function fullObjects(seedProject: SeedProject): Promise<void> {
  const { member, admin, project } = seedProject;
  const at = (container: string, object?: string) =>
    `/${encodeURIComponent(prefixedName(seedProject, container))}${object === undefined ? '' : `/${object.split('/').map(encodeURIComponent).join('/')}`}`;
  const container = (name: string, headers: Record<string, string> = {}) =>
    member.call('object', 'PUT', at(name), { headers });
  const put = (
    name: string,
    object: string,
    body: string,
    headers: Record<string, string> = {},
    query = '',
  ) => member.call('object', 'PUT', at(name, object) + query, { body, headers });

  const plain = async () => {
    await container('plain');
    await Promise.all([
      put('plain', AWKWARD_NAME, 'awkward'),
      put('plain', 'plain', 'x'),
      put('plain', '100%25', 'y'),
      put('plain', 'dir/', ''),
    ]);
    await put('plain', 'link', '', {
      'x-symlink-target': at('plain', 'plain').slice(1),
      'content-type': 'application/symlink',
    });
  };
  const versioned = async () => {
    await container('versioned');
    await member.call('object', 'POST', at('versioned'), {
      headers: { 'x-versions-enabled': 'true' },
    });
    for (const body of ['one', 'two', 'three']) await put('versioned', AWKWARD_NAME, body);
    await put('versioned', 'deleted', 'gone, but not its version');
    await member.call('object', 'DELETE', at('versioned', 'deleted'));
  };
  const archived = async () => {
    await container('archive');
    await container('archived', { 'x-history-location': prefixedName(seedProject, 'archive') });
    for (const body of ['one', 'two']) await put('archived', 'object', body);
  };
  const large = async () => {
    await container('segments');
    await container('large');
    await Promise.all([
      put('segments', 'slo/1', 'a'),
      put('segments', 'slo/2', 'b'),
      put('segments', 'dlo/1', 'c'),
    ]);
    const parts = ['slo/1', 'slo/2'].map((object) => ({
      path: `/${prefixedName(seedProject, 'segments')}/${object}`,
    }));
    await put('large', 'static', JSON.stringify(parts), {}, '?multipart-manifest=put');
    await put('large', 'dynamic', '', {
      'x-object-manifest': `${prefixedName(seedProject, 'segments')}/dlo/`,
    });
  };
  await Promise.all([
    plain(),
    container('empty'),
    container('ü %?#'),
    large(),
    container('public', { 'x-container-read': '.r:*,.rlistings' }),
  ]);
  await put('public', 'page.html', '<p>still served</p>');
  await Promise.all([versioned(), archived()]);
  await member.call('object', 'POST', '', { headers: { 'x-account-meta-temp-url-key': 'key' } });
  const quota = { 'x-account-meta-quota-bytes': '1000000000' };
  await admin.call('object', 'POST', admin.endpoint('object', project.id), { headers: quota });
}

export async function simpleObjects(seedProject: SeedProject): Promise<void> {
  const path = `/${encodeURIComponent(prefixedName(seedProject, 'plain'))}`;
  await seedProject.member.call('object', 'PUT', path);
  await seedProject.member.call('object', 'PUT', `${path}/object`, { body: 'x' });
}

import { Row } from '../cloud.ts';
import { prefixedName, type SeedProject } from './seed.ts';

/** Creates an image with a few bytes of data. */
export async function image(
  seedProject: SeedProject,
  name: string,
  more: object = {},
): Promise<string> {
  const body = {
    name: prefixedName(seedProject, name),
    disk_format: 'raw',
    container_format: 'bare',
    ...more,
  };
  const id = String(
    Row.parse((await seedProject.member.call('image', 'POST', '/images', { json: body })).json).id,
  );
  const headers = { 'content-type': 'application/octet-stream' };
  await seedProject.member.call('image', 'PUT', `/images/${id}/file`, {
    headers,
    body: new Uint8Array(4096),
  });
  return id;
}

/** Creates images that are hidden, protected or shared in every way, and a metadata namespace. */
export async function fullImages(seedProject: SeedProject): Promise<void> {
  const { member, admin } = seedProject;
  await Promise.all([
    image(seedProject, 'protected', { protected: true }),
    image(seedProject, 'hidden', { os_hidden: true }),
    image(seedProject, 'hidden-and-protected', { os_hidden: true, protected: true }),
    image(seedProject, 'community', { visibility: 'community' }),
    image(seedProject, 'shared', { visibility: 'shared' }).then(async (id) => {
      await member.call('image', 'POST', `/images/${id}/members`, {
        json: { member: seedProject.neighbor.id },
      });
      const path = `/images/${id}/members/${seedProject.neighbor.id}`;
      await seedProject.neighbor.session.call('image', 'PUT', path, {
        json: { status: 'accepted' },
      });
    }),
    image(seedProject, 'deactivated').then((id) =>
      admin.call('image', 'POST', `/images/${id}/actions/deactivate`),
    ),
    member.call('image', 'POST', '/images', {
      json: { name: prefixedName(seedProject, 'without-data') },
    }),
    metadata(seedProject),
  ]);
}

/** Names of namespaces are unique in the whole cloud. */
async function metadata(seedProject: SeedProject): Promise<void> {
  const namespace = `${seedProject.prefix}-${seedProject.project.id}`;
  const body = {
    namespace,
    display_name: prefixedName(seedProject, 'metadata'),
    owner: seedProject.project.id,
    visibility: 'private',
    protected: true,
  };
  await seedProject.admin.call('image', 'POST', '/metadefs/namespaces', { json: body });
  await seedProject.admin.call(
    'image',
    'POST',
    `/metadefs/namespaces/${namespace}/tags/${prefixedName(seedProject, 'tag')}`,
  );
}

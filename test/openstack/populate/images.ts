import { Row } from '../cloud.ts';
import { named, type Plot } from './plot.ts';

/** An image with a little data in it. */
export async function image(plot: Plot, name: string, more: object = {}): Promise<string> {
  const body = { name: named(plot, name), disk_format: 'raw', container_format: 'bare', ...more };
  const id = String(Row.parse((await plot.member.call('image', 'POST', '/images', { json: body })).json).id);
  const headers = { 'content-type': 'application/octet-stream' };
  await plot.member.call('image', 'PUT', `/images/${id}/file`, { headers, body: new Uint8Array(4096) });
  return id;
}

/** Every way in which an image can hide, resist or be shared, and a metadata namespace. */
export async function fullImages(plot: Plot): Promise<void> {
  const { member, admin } = plot;
  await Promise.all([
    image(plot, 'protected', { protected: true }),
    image(plot, 'hidden', { os_hidden: true }),
    image(plot, 'hidden-and-protected', { os_hidden: true, protected: true }),
    image(plot, 'community', { visibility: 'community' }),
    image(plot, 'shared', { visibility: 'shared' }).then(async (id) => {
      await member.call('image', 'POST', `/images/${id}/members`, { json: { member: plot.neighbour.id } });
      const path = `/images/${id}/members/${plot.neighbour.id}`;
      await plot.neighbour.session.call('image', 'PUT', path, { json: { status: 'accepted' } });
    }),
    image(plot, 'deactivated').then((id) => admin.call('image', 'POST', `/images/${id}/actions/deactivate`)),
    member.call('image', 'POST', '/images', { json: { name: named(plot, 'without-data') } }),
    metadata(plot),
  ]);
}

/** Names of namespaces are unique in the whole cloud. */
async function metadata(plot: Plot): Promise<void> {
  const namespace = `${plot.prefix}-${plot.project.id}`;
  const body = { namespace, display_name: named(plot, 'metadata'), owner: plot.project.id, visibility: 'private', protected: true };
  await plot.admin.call('image', 'POST', '/metadefs/namespaces', { json: body });
  await plot.admin.call('image', 'POST', `/metadefs/namespaces/${namespace}/tags/${named(plot, 'tag')}`);
}

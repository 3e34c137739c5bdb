import * as z from 'zod';
import { defineService, defineType, type Removal, type ServiceApi } from '../task/service.ts';
import { listImages } from './glance/images.ts';
import { imageSuspension } from './glance/suspend.ts';
import { hasStatus } from './kit/errors.ts';
import { epochMillisOf } from './kit/time.ts';

const imageRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  owner: z.string().nullish(),
  created_at: z.string().nullish(),
  status: z.string(),
  visibility: z.string(),
  protected: z.boolean(),
});
type ImageRow = z.infer<typeof imageRow>;

/**
 * The value of `independentOf` for types whose removal does not wait for Nova and Cinder. A back
 * end refuses to delete an image that still has clones, and a later iteration repeats the deletion.
 */
const INDEPENDENT_OF_NOVA_AND_CINDER: readonly string[] = ['nova', 'cinder'];

const pathOfImage = (row: ImageRow): string => `/v2/images/${encodeURIComponent(row.id)}`;

/** Images with their data and their members. */
const image = defineType({
  name: 'image',
  independentOf: INDEPENDENT_OF_NOVA_AND_CINDER,
  list: (context) => listImages(imageRow, context),
  id: (row) => row.id,
  owner: (row) => row.owner ?? undefined,
  label: (row) => row.name ?? undefined,
  createdAt: (row) => epochMillisOf(row.created_at),
  /**
   * Blocks a public image: every project can boot from it, and an administrator has made it public
   * on purpose.
   */
  blocked: (row) =>
    row.visibility === 'public'
      ? {
          message: 'the image is public: other projects may boot servers from it',
          actor: 'operator',
          advice:
            'Move the image to another project (openstack image set --project PROJECT IMAGE), ' +
            'make it private (openstack image set --private IMAGE), or delete it (openstack ' +
            'image delete IMAGE).',
        }
      : undefined,
  async remove(row, { api }): Promise<Removal> {
    // With [DEFAULT] delayed_delete, Glance's scrubber removes the image later.
    if (row.status === 'pending_delete') return { kind: 'accepted' };
    if (row.protected) await unprotect(row, api);
    try {
      await api.request('DELETE', pathOfImage(row));
    } catch (error) {
      // A 409 means that the back end needs the image for RBD clones: volumes and servers of any
      // project that were created from it.
      if (hasStatus(error, 409))
        return {
          kind: 'blocked',
          message: error.message,
          actor: 'other-project',
          advice:
            'Find the volumes and servers that were created from this image, and delete or ' +
            'flatten them. The propagator then deletes the image.',
        };
      // With delayed_delete, Glance refuses to delete a deactivated image.
      if (!hasStatus(error, 400) || row.status !== 'deactivated') throw error;
      await api.request('POST', `${pathOfImage(row)}/actions/reactivate`);
      await api.request('DELETE', pathOfImage(row));
    }
    return { kind: 'gone' };
  },
});

/** Removes the protection that makes Glance refuse a deletion. */
async function unprotect(row: ImageRow, api: ServiceApi): Promise<void> {
  await api.request('PATCH', pathOfImage(row), {
    headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' },
    body: JSON.stringify([{ op: 'replace', path: '/protected', value: false }]),
  });
}

const namespaceRow = z.object({
  namespace: z.string(),
  owner: z.string().nullish(),
  visibility: z.string(),
  protected: z.boolean(),
  display_name: z.string().nullish(),
  description: z.string().nullish(),
});
type NamespaceRow = z.infer<typeof namespaceRow>;

const pathOfNamespace = (row: NamespaceRow): string =>
  `/v2/metadefs/namespaces/${encodeURIComponent(row.namespace)}`;

/**
 * Namespaces of metadata definitions with their contents. Glance has no filter by owner, so the
 * listing compares the owner of each row.
 */
const metadefNamespace = defineType({
  name: 'metadef-namespace',
  independentOf: INDEPENDENT_OF_NOVA_AND_CINDER,
  async list({ api, project }) {
    const { rows } = await api.list('/v2/metadefs/namespaces', {
      collection: 'namespaces',
      row: namespaceRow,
      paging: 'next',
    });
    return rows.filter((row) => row.owner === project || row.owner === undefined);
  },
  id: (row) => row.namespace,
  owner: (row) => row.owner ?? undefined,
  label: (row) => row.display_name ?? row.namespace,
  async remove(row, { api }): Promise<Removal> {
    if (!(await isAddressable(row, api)))
      return {
        kind: 'retained',
        message:
          'the Glance API cannot address this namespace, because its name has a slash or a ' +
          'non-ASCII character, or consists only of dots',
        advice:
          'Delete its row from the table metadef_namespaces in the Glance database. It ' +
          'holds no customer data.',
      };
    if (row.protected)
      // The PUT sends all fields, because it sets omitted fields to their defaults. The default of
      // `owner` is the propagator's project.
      await api.request('PUT', pathOfNamespace(row), {
        json: {
          ...row,
          protected: false,
          display_name: row.display_name ?? undefined,
          description: row.description ?? undefined,
        },
      });
    await api.request('DELETE', pathOfNamespace(row));
    return { kind: 'gone' };
  },
});

/**
 * Returns true if the path with this name addresses this namespace. Glance reads the path as
 * Latin-1 (seen on 25.1): `ü` addresses a namespace `Ã¼`, which may belong to another project. No
 * route matches a slash, and a name of only dots means the parent path. Names are unique, so a GET
 * that returns the same name proves that the path addresses this namespace.
 */
async function isAddressable(row: NamespaceRow, api: ServiceApi): Promise<boolean> {
  if (/\/|^\.{0,2}$/.test(row.namespace)) return false;
  if (/^[\x20-\x2e\x30-\x7e]+$/.test(row.namespace)) return true;
  const answer = await api.request('GET', pathOfNamespace(row), { accept: [404] });
  if (answer.status === 404) return false;
  const answeredRow = namespaceRow.safeParse(answer.json);
  return answeredRow.success && answeredRow.data.namespace === row.namespace;
}

/**
 * Glance, Image API v2. Glance's own tasks are not listed, because no API deletes them (405) and
 * they expire ([task] task_time_to_live). Glance's cleanup ends after those of Nova and Cinder,
 * because a back end keeps an image while servers or volumes are clones of the image.
 */
export const glance = defineService({
  name: 'glance',
  catalogTypes: ['image'],
  dependsOn: [{ services: ['nova', 'cinder'], strength: 'required', until: 'done' }],
  resourceTypes: [image, metadefNamespace],
  suspension: { suspendAfter: ['nova', 'zun'], types: [imageSuspension] },
  leftBySuspend: [
    {
      types: ['metadef-namespace'],
      because: 'It describes images and runs nothing.',
    },
  ],
});

import * as z from 'zod';
import {
  type Comparison,
  defineSuspension,
  type ProjectContext,
  type ServiceApi,
} from '../../task/service.ts';
import { listImages } from './images.ts';

const imageRow = z.object({
  id: z.string(),
  owner: z.string().nullish(),
  status: z.string(),
  visibility: z.string(),
});
type ImageRow = z.infer<typeof imageRow> & { readonly isShown: boolean };

const members = z.object({ members: z.array(z.unknown()) });
const AT_ONCE = 8;

/** The images, and for each whether another project can use it. */
async function images(context: ProjectContext): Promise<ImageRow[]> {
  const rows: ImageRow[] = [];
  const left = await listImages(imageRow, context);
  while (left.length > 0) {
    const some = left.splice(0, AT_ONCE);
    rows.push(
      ...(await Promise.all(
        some.map(async (row) => ({ ...row, isShown: await isShown(row, context.api) })),
      )),
    );
  }
  return rows;
}

/** `shared` is the visibility of every new image. Only its members can use it. */
async function isShown(
  { id, visibility }: z.infer<typeof imageRow>,
  api: ServiceApi,
): Promise<boolean> {
  if (visibility !== 'shared') return visibility !== 'private';
  const path = `/v2/images/${encodeURIComponent(id)}/members`;
  const { status, json } = await api.request('GET', path, { accept: [404] });
  return status !== 404 && members.parse(json).members.length > 0;
}

const callAction = async (
  row: ImageRow,
  action: string,
  { api }: ProjectContext,
): Promise<void> => {
  await api.request('POST', `/v2/images/${encodeURIComponent(row.id)}/actions/${action}`);
};

function compare({ status }: ImageRow): Comparison {
  if (status === 'deactivated') return { kind: 'suspended' };
  return status === 'active'
    ? { kind: 'as-before' }
    : { kind: 'changed', message: `it is ${status}` };
}

/** Images that the project shows to others: deactivated, so that their data cannot be read. */
export const imageSuspension = defineSuspension<ImageRow, object>({
  name: 'image',
  options: ['deactivate'],
  summary: {
    suspend:
      'Option `deactivate`: active images that are public, community or shared with a ' +
      'project are deactivated.',
    record: 'The id.',
    resume: 'The image is reactivated.',
    unchanged: [
      'An image that only the project itself can use stays active: Keystone gives no token ' +
        'on the project.',
      'An image that is deactivated already stays deactivated.',
    ],
  },
  before: z.object({}),
  list: images,
  id: (row) => row.id,
  owner: (row) => row.owner ?? undefined,
  assess: ({ status, isShown }) =>
    status === 'active' && isShown ? { kind: 'switch', before: {} } : { kind: 'at-rest' },
  suspend: (row, _before, context) => callAction(row, 'deactivate', context),
  compare,
  resume: (row, _before, context) => callAction(row, 'reactivate', context),
});

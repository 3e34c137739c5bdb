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
type ImageRow = z.infer<typeof imageRow> & { readonly isUsableByOthers: boolean };

const membersBody = z.object({ members: z.array(z.unknown()) });
const MAX_PARALLEL_CALLS = 8;

/** Lists the images. `isUsableByOthers` is true if another project can use the image. */
async function listImageRows(context: ProjectContext): Promise<ImageRow[]> {
  const rows: ImageRow[] = [];
  const remainingRows = await listImages(imageRow, context);
  while (remainingRows.length > 0) {
    const batch = remainingRows.splice(0, MAX_PARALLEL_CALLS);
    rows.push(
      ...(await Promise.all(
        batch.map(async (row) => ({
          ...row,
          isUsableByOthers: await isUsableByOthers(row, context.api),
        })),
      )),
    );
  }
  return rows;
}

/**
 * Returns true if another project can use the image. An image with the default visibility `shared`
 * can be used only by its owner and its members, and may have no members.
 */
async function isUsableByOthers(
  { id, visibility }: z.infer<typeof imageRow>,
  api: ServiceApi,
): Promise<boolean> {
  if (visibility !== 'shared') return visibility !== 'private';
  const path = `/v2/images/${encodeURIComponent(id)}/members`;
  const { status, json } = await api.request('GET', path, { accept: [404] });
  return status !== 404 && membersBody.parse(json).members.length > 0;
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
    ? { kind: 'as-recorded' }
    : { kind: 'changed', message: `it is ${status}` };
}

/** Deactivates the images that other projects can use, so that their data cannot be read. */
export const imageSuspension = defineSuspension<ImageRow, object>({
  name: 'image',
  options: ['deactivate'],
  summary: {
    suspend:
      'Option `deactivate`: active images that are public, community or shared with a ' +
      'project are deactivated.',
    record: 'The id of the image.',
    resume: 'The image is reactivated.',
    unchanged: [
      'An image that only the project itself can use stays active: Keystone gives no token ' +
        'on a disabled project.',
      'An image that is already deactivated stays deactivated.',
    ],
  },
  recordedState: z.object({}),
  list: listImageRows,
  id: (row) => row.id,
  owner: (row) => row.owner ?? undefined,
  assess: ({ status, isUsableByOthers }) =>
    status === 'active' && isUsableByOthers
      ? { kind: 'suspend', recordedState: {} }
      : { kind: 'at-rest' },
  suspend: (row, _recordedState, context) => callAction(row, 'deactivate', context),
  compare,
  resume: (row, _recordedState, context) => callAction(row, 'reactivate', context),
});

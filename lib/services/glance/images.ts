import type * as z from 'zod';
import type { ProjectContext } from '../../task/service.ts';

/**
 * Lists the images of the project. With a filter by owner alone, Glance omits community images and
 * hidden images (Image API 2.7). `visibility: all` adds the community images, and a second listing
 * has the hidden images.
 */
export async function listImages<S extends z.ZodType<{ readonly id: string }>>(
  row: S,
  { api, project }: Pick<ProjectContext, 'api' | 'project'>,
): Promise<z.infer<S>[]> {
  const ownerQuery = { owner: project, visibility: 'all' };
  const listings = await Promise.all(
    [ownerQuery, { ...ownerQuery, os_hidden: true }].map((query) =>
      api.list('/v2/images', { collection: 'images', row, paging: 'next', query }),
    ),
  );
  return [...new Map(listings.flatMap(({ rows }) => rows).map((one) => [one.id, one])).values()];
}

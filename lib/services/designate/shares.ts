import * as z from 'zod';
import { defineType, type Removal } from '../../task/service.ts';
import { hasStatus } from '../kit/errors.ts';
import { ALL_PROJECTS_HEADER, optionalText } from './project.ts';
import { zonesSharedWithProject } from './zones.ts';

const shareRow = z.object({ id: z.string(), zone_id: z.string(), target_project_id: optionalText });

/**
 * The shares of other projects' zones with the project (since 2023.1). A share is a grant to
 * exactly one project, like a role assignment. For the owner check, that project is the owner of
 * the share. The deletion of a share does not change the zone. Designate lists the shares of one
 * zone at a time.
 */
export const zoneShare = defineType({
  name: 'zone-share',
  dependsOn: [{ types: ['recordset', 'zone'], strength: 'preferred', until: 'done' }],
  blockers: [
    "Designate does not remove the share of another project's zone while this project has " +
      'records in that zone, or zones below it.',
  ],
  async list(context) {
    const shares = await Promise.all(
      (await zonesSharedWithProject(context)).map(({ id }) =>
        context.api.list(`/v2/zones/${encodeURIComponent(id)}/shares`, {
          collection: 'shared_zones',
          row: shareRow,
          paging: 'next',
          query: { target_project_id: context.project },
          headers: ALL_PROJECTS_HEADER,
        }),
      ),
    );
    return shares
      .flatMap(({ rows }) => rows)
      .filter((row) => row.target_project_id === context.project || !row.target_project_id);
  },
  id: (row) => row.id,
  owner: (row) => row.target_project_id ?? undefined,
  label: (row) => `of zone ${row.zone_id}`,
  async remove(row, { api }): Promise<Removal> {
    const zonePath = `/v2/zones/${encodeURIComponent(row.zone_id)}`;
    try {
      await api.request('DELETE', `${zonePath}/shares/${encodeURIComponent(row.id)}`, {
        headers: ALL_PROJECTS_HEADER,
      });
    } catch (error) {
      if (!hasStatus(error, 400)) throw error;
      // Designate refuses while the zone has records of the project, even if their deletion is in
      // progress.
      return { kind: 'blocked', message: error.message, actor: 'none' };
    }
    return { kind: 'gone' };
  },
});

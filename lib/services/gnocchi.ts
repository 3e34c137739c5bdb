import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import { defineService, defineType, type ProjectContext, type Removal } from '../task/service.ts';

const resourceRow = z.object({
  id: z.string(),
  type: z.string().nullish(),
  original_resource_id: z.string().nullish(),
  project_id: z.string().nullish(),
});
type ResourceRow = z.infer<typeof resourceRow>;
const deleted = z.object({ deleted: z.number() });

/** As many as Gnocchi shows in one answer ([api] max_limit) unless its operator says otherwise. */
const PAGE = 1000;
/** Gnocchi links to a next page in a header; it does so after a full page, whatever follows. */
const hasNext = (headers: Headers): boolean => /rel="?next/.test(headers.get('link') ?? '');

/**
 * Gone in one call. Both the project and the ids are in the filter, so that it is never empty, and
 * what has changed hands since it was listed stays: Gnocchi itself compares the owner once more.
 * The metrics of a resource go with it.
 */
async function removeResources(
  rows: readonly ResourceRow[],
  { api, project }: ProjectContext,
): Promise<Removal[]> {
  const filter = {
    and: [{ '=': { project_id: project } }, { in: { id: rows.map(({ id }) => id) } }],
  };
  const answer = await api.request('DELETE', '/v1/resource/generic', { json: filter });
  const removed = deleted.parse(answer.json).deleted;
  return rows.map(() => (removed > 0 ? { is: 'gone' } : { is: 'accepted' }));
}

/**
 * Resources of every type, each with its metrics: `generic` is what all types have in common. One
 * page at a time, for the next look sees the rest.
 */
const resource = defineType<ResourceRow>({
  name: 'resource',
  async list({ api, project }) {
    const answer = await api.request('POST', '/v1/search/resource/generic', {
      query: { limit: PAGE },
      json: { '=': { project_id: project } },
    });
    return { rows: z.array(resourceRow).parse(answer.json), more: hasNext(answer.headers) };
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.original_resource_id ?? row.type ?? undefined,
  async remove(row, context) {
    const [removal] = await removeResources([row], context);
    return removal ?? { is: 'accepted' };
  },
  batch: { most: PAGE, remove: removeResources },
});

const metricRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  resource_id: z.string().nullish(),
  /** In place of the id, as soon as Gnocchi had a reason to load it. */
  resource: z.unknown().optional(),
  created_by_project_id: z.string().nullish(),
});

/**
 * Metrics that belong to no resource. Gnocchi knows their creator only, a user and a project in one
 * (`user:project`), and finds him only whole: one call for each who ever was a member. Those of a
 * resource go with it, also when a member made them for somebody else's.
 */
const metric = defineType({
  name: 'metric',
  follows: ['resource'],
  async list({ api, project, members, region }) {
    if (!members)
      throw new PropagatorError({
        code: 'gnocchi.members.unknown',
        class: 'Unexpected',
        message:
          'nobody recorded who the members of this project were, and Gnocchi finds a metric without a resource only by the user who made it',
        advice:
          'Look for them with "gnocchi metric list" (created_by_project_id), remove them, and discard this dead letter; let the inventory be filled before projects are deleted.',
        service: 'gnocchi',
        region,
      });
    const answers = await Promise.all(
      members.map((user) =>
        api.request('GET', '/v1/metric', {
          query: { user_id: user, project_id: project, limit: PAGE },
        }),
      ),
    );
    const rows = answers.flatMap(({ json }) => z.array(metricRow).parse(json));
    return {
      rows: rows.filter((row) => (row.resource_id ?? row.resource ?? undefined) === undefined),
      more: answers.some(({ headers }) => hasNext(headers)),
    };
  },
  id: (row) => row.id,
  owner: (row) => row.created_by_project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }) {
    await api.request('DELETE', `/v1/metric/${encodeURIComponent(row.id)}`);
    return { is: 'gone' };
  },
});

/**
 * Gnocchi, API v1. Archive policies and resource types are the administrators'. Last, for
 * Ceilometer writes as long as there is something to measure, and alarms read from it.
 */
export const gnocchi = defineService({
  name: 'gnocchi',
  catalogTypes: ['metric'],
  follows: [
    'aodh',
    'heat',
    'nova',
    'cinder',
    'neutron',
    'glance',
    'swift',
    'octavia',
    'manila',
    'trove',
    'designate',
    'ironic',
    'magnum',
    'zun',
  ],
  offByDefault: 'measures are often what a bill is made from, and its evidence',
  resourceTypes: [resource, metric],
  releases: [
    'The measures themselves go later: gnocchi-metricd removes them in its next round.',
    'Ceilometer may write a last sample after the end of a server or a volume and make its resource anew; a later sweep finds it.',
  ],
});

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
const deletionBody = z.object({ deleted: z.number() });

/** The default maximum of rows in one answer of Gnocchi ([api] max_limit). */
const PAGE_SIZE = 1000;
/** True if a header links to a next page. Gnocchi sends the link with every full page. */
const hasNextPage = (headers: Headers): boolean => /rel="?next/.test(headers.get('link') ?? '');

/**
 * Removes many resources and their metrics in one call. The filter contains the project and the
 * ids, so a resource that got a new owner after the listing is not removed. Gnocchi reports only
 * how many resources it has removed. If it has removed none, the next listing must show the result.
 */
async function removeResources(
  rows: readonly ResourceRow[],
  { api, project }: ProjectContext,
): Promise<Removal[]> {
  const filter = {
    and: [{ '=': { project_id: project } }, { in: { id: rows.map(({ id }) => id) } }],
  };
  const answer = await api.request('DELETE', '/v1/resource/generic', { json: filter });
  const removedCount = deletionBody.parse(answer.json).deleted;
  return rows.map(() => (removedCount > 0 ? { kind: 'gone' } : { kind: 'accepted' }));
}

/**
 * Resources of every type (`generic` covers all types) with their metrics. Each listing reads one
 * page.
 */
const resource = defineType<ResourceRow>({
  name: 'resource',
  async list({ api, project }) {
    const answer = await api.request('POST', '/v1/search/resource/generic', {
      query: { limit: PAGE_SIZE },
      json: { '=': { project_id: project } },
    });
    return { rows: z.array(resourceRow).parse(answer.json), hasMore: hasNextPage(answer.headers) };
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.original_resource_id ?? row.type ?? undefined,
  async remove(row, context) {
    const [removal] = await removeResources([row], context);
    return removal ?? { kind: 'accepted' };
  },
  batch: { maxItems: PAGE_SIZE, remove: removeResources },
});

const metricRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  resource_id: z.string().nullish(),
  /** In some answers, Gnocchi sends the whole resource in place of `resource_id`. */
  resource: z.unknown().optional(),
  created_by_project_id: z.string().nullish(),
});

/**
 * Metrics without a resource. Gnocchi stores only their creator, as one string (`user:project`),
 * and can search only for the complete string. The listing therefore needs one call for each user
 * that was ever a member. Gnocchi removes all metrics of a resource with the resource, regardless
 * of their creator.
 */
const metric = defineType({
  name: 'metric',
  dependsOn: [{ types: ['resource'], strength: 'preferred', until: 'done' }],
  async list({ api, project, members, region }) {
    if (!members)
      throw new PropagatorError({
        code: 'gnocchi.members.unknown',
        class: 'Unexpected',
        message:
          'the members of the deleted project were not recorded, and Gnocchi finds a ' +
          'metric without a resource only by the user that created it',
        advice:
          'Find the metrics (gnocchi metric list; field created_by_project_id) and delete ' +
          'them. Then discard this dead-letter message (propagator dead-letter discard). ' +
          'To prevent this, wait for the first inventory before projects are deleted.',
        service: 'gnocchi',
        region,
      });
    const answers = await Promise.all(
      members.map((user) =>
        api.request('GET', '/v1/metric', {
          query: { user_id: user, project_id: project, limit: PAGE_SIZE },
        }),
      ),
    );
    const rows = answers.flatMap(({ json }) => z.array(metricRow).parse(json));
    return {
      rows: rows.filter((row) => (row.resource_id ?? row.resource ?? undefined) === undefined),
      hasMore: answers.some(({ headers }) => hasNextPage(headers)),
    };
  },
  id: (row) => row.id,
  owner: (row) => row.created_by_project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }) {
    await api.request('DELETE', `/v1/metric/${encodeURIComponent(row.id)}`);
    return { kind: 'gone' };
  },
});

/**
 * Gnocchi, API v1. Archive policies and resource types belong to the administrators. Gnocchi's
 * cleanup runs after those of the services that Ceilometer measures, because Ceilometer writes to
 * Gnocchi while their resources exist. It also runs after Aodh's, because alarms read from Gnocchi.
 */
export const gnocchi = defineService({
  name: 'gnocchi',
  catalogTypes: ['metric'],
  dependsOn: [
    {
      services: [
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
      strength: 'preferred',
      until: 'done',
    },
  ],
  offByDefault: 'measures are often the basis and the evidence of bills',
  resourceTypes: [resource, metric],
  releases: [
    'gnocchi-metricd deletes the measures in its next run.',
    'After the deletion of a server or a volume, Ceilometer may write a last sample, ' +
      'which creates the resource again. An operation that has ended does not find this ' +
      'resource: run the operation again.',
  ],
  leftBySuspend: [
    {
      types: ['resource', 'metric'],
      because: 'It stores measures, which are evidence, and runs nothing.',
    },
  ],
});
